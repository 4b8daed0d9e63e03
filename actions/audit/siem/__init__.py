"""The trail on its way to another system: syslog and webhook. Values in, bytes out; no rows."""
