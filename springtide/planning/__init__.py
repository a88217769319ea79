"""What should be done, and why: pure decisions without I/O, clock or randomness."""
