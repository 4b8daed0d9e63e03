"""Decides what an HTTP status means: nothing was done, or the outcome is unknown.

Source: the vendor's table of HTTP codes (page "APIs"). 406 and 413 are about paging there, not
about content. 403, 409 and 503 are not in the table; they follow the general rules here.
"""

from typing import Any

from actions.opswat.errors import Rejected, Throttled, Unauthorized, Unconfirmed
from actions.opswat.redaction import Redactor
from actions.opswat.responses import Reply

_MEANING = {
    400: "the request or one of its values is invalid",
    404: "not found",
    405: "wrong HTTP method",
    406: "more than 50 items asked for",
    413: "past the last page",
    415: "unsupported media type",
    500: "an error inside the vendor's system",
}


def raise_for_status(reply: Reply, redactor: Redactor, refused: tuple[int, ...] = (401,)) -> None:
    """Return for 200, else raise; `refused` are the codes that mean bad credentials.

    Raises Unauthorized for those, Throttled for 429, Rejected for all other 4xx, and Unconfirmed
    for the rest: a redirect or a 5xx does not say whether the request was carried out.
    """
    status, endpoint = reply.http_status, reply.endpoint
    if status == 200:
        return
    details = _details(reply, redactor)
    meaning = f" ({_MEANING[status]})" if status in _MEANING else ""
    if status in refused:
        raise Unauthorized(f"{endpoint}: the vendor does not accept our credentials.", **details)
    if status == 429:
        raise Throttled(
            f"{endpoint}: the vendor's rate limit is reached.",
            retry_after=reply.rate.reset_after,
            **details,
        )
    if 400 <= status < 500:
        raise Rejected(f"{endpoint}: the vendor refused it with HTTP {status}{meaning}.", **details)
    if 300 <= status < 400:
        raise Unconfirmed(
            f"{endpoint}: the vendor answered with a redirect (HTTP {status}), not followed.",
            **details,
        )
    raise Unconfirmed(f"{endpoint}: the vendor answered HTTP {status}{meaning}.", **details)


def unusable(reply: Reply, redactor: Redactor, error: str) -> Unconfirmed:
    """Return the error for an answer whose body cannot be used."""
    return Unconfirmed(
        f"{reply.endpoint}: HTTP {reply.http_status}, but the answer cannot be used: {error}",
        **_details(reply, redactor),
    )


def _details(reply: Reply, redactor: Redactor) -> dict[str, Any]:
    return {
        "http_status": reply.http_status,
        "rate": reply.rate,
        "body": reply.body.excerpt(redactor),
    }
