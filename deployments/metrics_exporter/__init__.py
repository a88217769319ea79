"""A small service that tells Prometheus how the fleets stand."""
