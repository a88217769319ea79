"""PostgreSQL clusters under Patroni: their members' own words, and the few changes made there."""
