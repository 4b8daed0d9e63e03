"""Live updates of open pages over server-sent events.

`hub.HUB` is the hub of this process. `HUB.topic` registers what renders a kind of topic, `join` and
`leave` open and close the stream of one page; `views/streams.py` has the views.
"""
