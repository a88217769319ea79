"""What it costs: pure arithmetic over hours and prices."""
