"""Archives that nobody would make: `python -m tests.fuzz --cases 100000`."""
