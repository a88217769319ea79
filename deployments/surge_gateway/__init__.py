"""The surge gateway: a small HTTP service by which machines ask for surges, and nothing else."""
