"""Free ports for the servers of tests."""

import random
import socket
from contextlib import suppress

_PORTS = range(12_000, 32_000)
"""Below the ports that systems give to outgoing connections (Linux: from 32,768)."""


def free_port() -> int:
    """Return a free port of this machine that no outgoing connection takes before it is used.

    The choice has a seed of its own, because parallel test processes share pytest's.
    """
    chance = random.SystemRandom()
    for _ in range(100):
        port = chance.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("No free port was found.")
