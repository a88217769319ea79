"""The consensus store of a database cluster, by its HTTP gateway."""
