"""Send the trail to other systems.

`stream` reads the lines that wait for each target of AUDIT_STREAM_TO; `syslog` and `webhook` send
them and know no table.
"""
