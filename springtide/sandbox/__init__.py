"""A cloud in a process, to rehearse on: OpenStack's HTTP APIs on loopback, with faults."""
