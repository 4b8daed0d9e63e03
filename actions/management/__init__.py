"""Doors to the engine from the command line."""
