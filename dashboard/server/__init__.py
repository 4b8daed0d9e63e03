"""What stands between the socket and Django, so that no client can take the console from others.

`application.Bounded` wraps Django's ASGI application: the host, the size and time of a body, and
how many requests run at once. `start.bind_server` gives Uvicorn `protocol.BoundedProtocol`, which
limits heads and connections. docs/deployment.md lists the limits.
"""
