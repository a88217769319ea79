"""What things are: frozen descriptions that every other part of the house shares."""
