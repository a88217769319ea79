"""One retryable effect each; one file for each thing acted upon."""
