"""What happens, in order: one file for each lifecycle."""
