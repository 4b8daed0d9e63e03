"""Fuzzes the ZIP reader with corrupted archives: `python -m tests.fuzz --cases 100000`."""
