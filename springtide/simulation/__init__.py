"""Time that passes in a moment: traffic, fleets and a whole school year, rehearsed."""
