"""How to speak to OpenStack: one access, one cloud for each region."""
