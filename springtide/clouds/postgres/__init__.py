"""PostgreSQL, by its own programs: one way to connect for all, and no password in our hands."""
