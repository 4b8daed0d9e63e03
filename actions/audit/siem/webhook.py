"""Send lines as JSON by HTTPS POST, signed so that the receiver can check sender and time."""

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


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of X-Signature: HMAC-SHA-256 of the timestamp, a full stop and the body."""
    content = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def send(target: Target, lines: Sequence[dict[str, Any]], secret: str, ca_file: str = "") -> None:
    """Send a batch; raises DeliveryFailed unless the answer is 2xx. Redirects are not followed."""
    body = "".join(json.dumps(line, default=str) + "\n" for line in lines).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/x-ndjson",
        "X-Timestamp": timestamp,
        "X-Signature": signature(secret, timestamp, body),
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
        raise DeliveryFailed(
            f"{target} did not accept the batch: {type(error).__name__}."
        ) from None
    if not 200 <= status < 300:
        raise DeliveryFailed(f"{target} answered {status}.")


def _connection(target: Target, ca_file: str) -> http.client.HTTPConnection:
    if target.scheme == "http":
        return http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT)
    context = ssl.create_default_context(cafile=ca_file or None)
    return http.client.HTTPSConnection(target.host, target.port, timeout=TIMEOUT, context=context)
