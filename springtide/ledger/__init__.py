"""Usage kept as Parquet and summed as integers: the one place where DuckDB is spoken to."""
