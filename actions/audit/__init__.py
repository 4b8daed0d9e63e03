"""The read side of the audit trail.

Queries the trail for pages and exports, verifies its chain, reconciles it with the engine's rows,
moves old lines into signed archives and streams lines to other systems (siem/). Other packages
call `selectors`, `jobs.ask_check`, `jobs.ask_export` and `maintenance.run`.
"""
