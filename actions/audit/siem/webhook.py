"""JSON lines by HTTPS POST, signed so that the receiver knows who sent them and when."""

import hashlib
import hmac
import http.client
import json
import ssl
import time
from collections.abc import Sequence
from typing import Any

from actions.audit.siem.errors import DeliveryFailed
from actions.audit.siem.targets import Target

TIMEOUT = 10.0


def signature(secret: str, moment: str, body: bytes) -> str:
    """What X-Signature says: HMAC-SHA-256 of the moment, a full stop and the body."""
    content = moment.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def ship(target: Target, lines: Sequence[dict[str, Any]], secret: str, ca_file: str = "") -> None:
    """Send a batch; only an answer of 2xx is an acknowledgement, and no redirect is followed."""
    body = "".join(json.dumps(line, default=str) + "\n" for line in lines).encode()
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/x-ndjson",
        "X-Timestamp": moment,
        "X-Signature": signature(secret, moment, body),
        "X-First-Record": str(lines[0]["id"]),
        "X-Last-Record": str(lines[-1]["id"]),
    }
    try:
        connection = _connection(target, ca_file)
        try:
            connection.request("POST", target.path, body, headers)
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryFailed(f"{target} did not take it: {type(error).__name__}.") from None
    if not 200 <= status < 300:
        raise DeliveryFailed(f"{target} answered {status}.")


def _connection(target: Target, ca_file: str) -> http.client.HTTPConnection:
    if target.scheme == "http":
        return http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=ca_file or None)
    return http.client.HTTPSConnection(target.host, target.port, timeout=TIMEOUT, context=context)
