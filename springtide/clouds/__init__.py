"""How to speak to the clouds. No Prefect here, and no decisions."""
