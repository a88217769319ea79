"""When, where and by whom: schedules, estate, automations, and a stack to look around on."""
