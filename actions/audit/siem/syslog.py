"""Send lines as syslog: RFC 5424 over TLS (RFC 5425), TCP (RFC 6587) or UDP (RFC 5426).

Syslog has no acknowledgement. Over TCP and TLS, each batch has a connection of its own: after the
last byte our side is closed, and the batch counts as received once the receiver has read to the end
and closed its side. UDP has no sign of delivery: a batch counts as received once it is sent.
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
"""Size of one message; receivers cut at 8 KiB by default."""

LOG_AUDIT, NOTICE, WARNING = 13, 5, 4
ENTERPRISE = 32473
"""The enterprise number that RFC 5612 reserves for documentation, as we have no own number."""


def message(line: dict[str, Any]) -> bytes:
    """Return a line of the trail as one syslog message, without `data` if it is too long."""
    severity = WARNING if line["verb"] in WARNINGS else NOTICE
    head = " ".join(
        [
            f"<{LOG_AUDIT * 8 + severity}>1",
            line["at"].replace("+00:00", "Z"),
            socket.gethostname()[:255] or "-",
            "device-action-console",
            str(os.getpid()),
            line["verb"][:32],
            # `mac`: message authentication code, the signature of the line.
            f'[trail@{ENTERPRISE} id="{line["id"]}" mac="{line["mac"]}"]',
        ]
    )
    text = json.dumps(line, default=str)
    if len(text) > MAX_BYTES:
        text = json.dumps(
            {**line, "data": {"left_out": "too long", "bytes": len(text)}}, default=str
        )
    return f"{head} {text}".encode()


def send(target: Target, lines: Sequence[dict[str, Any]], ca_file: str = "") -> None:
    """Send a batch; raises DeliveryFailed unless the receiver has read all of it."""
    messages = [message(line) for line in lines]
    try:
        if target.scheme == "syslog+udp":
            _by_udp(target, messages)
        else:
            _by_stream(target, b"".join(b"%d %b" % (len(one), one) for one in messages), ca_file)
    except OSError as error:
        raise DeliveryFailed(
            f"{target} did not accept the batch: {error.strerror or type(error).__name__}."
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
        with context.wrap_socket(plain, server_hostname=target.host) as encrypted:
            encrypted.sendall(content)
            # A receiver may close without close_notify, after it has read ours and so all lines.
            with suppress(ssl.SSLEOFError):
                encrypted.unwrap()  # Sends close_notify and waits for the receiver's.


def _await_end(receiver: socket.socket) -> None:
    while receiver.recv(4096):
        pass
