"""What the estate keeps in object storage, opened: vaults, and the audit log's sites."""
