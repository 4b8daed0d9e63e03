"""The files that follow an accepted fetch_agent_log: expected, fetched, stored, read in place.

Others call `controls.poll_now` and `controls.stop`, and read by `selectors`. `expect.expect_logs`
listens to accepted commands; `zip` reads the files without unpacking them.
"""
