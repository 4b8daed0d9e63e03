"""Chaos tests: real processes and a faulty vendor, while processes are killed at random."""
