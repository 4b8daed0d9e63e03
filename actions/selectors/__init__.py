"""Reads, each shaped for a screen; nothing here writes."""
