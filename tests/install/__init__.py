"""Follows docs/operations.md on an empty Debian."""
