"""The audit log in object storage: archived and sealed, copied, and verified."""
