"""The only writers: each service does one thing and records it."""
