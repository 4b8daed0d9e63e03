"""RFC 5424 over TLS (RFC 5425), TCP (octet counting, RFC 6587) or UDP (RFC 5426).

Syslog acknowledges nothing by itself. Over TCP and TLS each batch has a connection of its own:
after the last byte our side is closed, and only when the receiver has closed its own, having read
to the end, does the batch count as received. UDP promises nothing: what left counts as sent.
"""

import json
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from actions.audit.siem.errors import DeliveryFailed
from actions.audit.siem.targets import Target
from actions.trail.verbs import WARNINGS

TIMEOUT = 10.0
MAX_BYTES = 7_000
"""Of one message; receivers cut at 8 KiB unless told otherwise."""

LOG_AUDIT, NOTICE, WARNING = 13, 5, 4
ENTERPRISE = 32473
"""The number that RFC 5612 sets aside for documentation: we have none of our own."""


def message(line: dict[str, Any]) -> bytes:
    """One line of the trail as one syslog message; details that are too long are left out."""
    severity = WARNING if line["verb"] in WARNINGS else NOTICE
    head = " ".join(
        [
            f"<{LOG_AUDIT * 8 + severity}>1",
            line["at"].replace("+00:00", "Z"),
            socket.gethostname()[:255] or "-",
            "device-action-console",
            str(os.getpid()),
            line["verb"][:32],
            f'[trail@{ENTERPRISE} id="{line["id"]}" mac="{line["mac"]}"]',
        ]
    )
    text = json.dumps(line, default=str)
    if len(text) > MAX_BYTES:
        text = json.dumps(
            {**line, "data": {"left_out": "too long", "bytes": len(text)}}, default=str
        )
    return f"{head} {text}".encode()


def ship(target: Target, lines: Sequence[dict[str, Any]], ca_file: str = "") -> None:
    """Send a batch; raises NotShipped unless the receiver has read all of it."""
    messages = [message(line) for line in lines]
    try:
        if target.scheme == "syslog+udp":
            _by_udp(target, messages)
        else:
            _by_stream(target, b"".join(b"%d %b" % (len(one), one) for one in messages), ca_file)
    except OSError as error:
        raise DeliveryFailed(
            f"{target} did not take it: {error.strerror or type(error).__name__}."
        ) from None


def _by_udp(target: Target, messages: Sequence[bytes]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        target.host, target.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.connect(address)
        for each in messages:
            sender.send(each)


def _by_stream(target: Target, content: bytes, ca_file: str) -> None:
    with socket.create_connection((target.host, target.port), TIMEOUT) as plain:
        if target.scheme == "syslog+tcp":
            plain.sendall(content)
            plain.shutdown(socket.SHUT_WR)
            _await_end(plain)
            return
        context = ssl.create_default_context(cafile=ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(plain, server_hostname=target.host) as secret:
            secret.sendall(content)
            with suppress(ssl.SSLEOFError):  # Closed without a word, after ours: it had read all.
                secret.unwrap()  # Says that we are done, and waits for the receiver to say so.


def _await_end(receiver: socket.socket) -> None:
    while receiver.recv(4096):
        pass
