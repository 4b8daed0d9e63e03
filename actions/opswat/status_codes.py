"""Decides what an HTTP status means: nothing was done, or the outcome is unknown.

Source: the vendor's table of HTTP codes (page "APIs"). 406 and 413 are about paging there, not
about content. A 4xx that is not in the table, and a page of a gateway in front of the vendor, are
taken for a passing obstacle (*assumed*): the call was not carried out and may be made again.
"""

from typing import Any

from actions.opswat.errors import Blocked, Rejected, Throttled, Unauthorized, Unconfirmed
from actions.opswat.redaction import Redactor
from actions.opswat.responses import Reply

_MEANING = {
    400: "the request or one of its values is invalid",
    404: "not found",
    405: "wrong HTTP method",
    406: "more than 50 items asked for",
    413: "past the last page, or too large",
    415: "unsupported media type",
    500: "an error inside the vendor's system",
}

_FINAL = (400, 413)
"""Codes that refuse the call for good, whatever the body is."""

FINAL_IN_JSON = (403, 404, 405, 406, 415)
"""Codes that refuse the call for good if the vendor's JSON says so; gateways use them as well."""


def raise_for_status(
    reply: Reply,
    redactor: Redactor,
    refused: tuple[int, ...] = (401,),
    final: tuple[int, ...] = FINAL_IN_JSON,
) -> None:
    """Return for 200, else raise; `refused` are the codes that mean bad credentials.

    `final` are the codes that refuse the content of the call if the vendor's JSON says so.

    Raises Unauthorized for those, Throttled for 429, Rejected for a documented 4xx, Blocked for any
    other 4xx, and Unconfirmed for the rest: a redirect or a 5xx does not say whether the request
    was carried out.
    """
    status, endpoint = reply.http_status, reply.endpoint
    if status == 200:
        return
    details = _details(reply, redactor)
    meaning = f" ({_MEANING[status]})" if status in _MEANING else ""
    if status in refused:
        reason = f"{endpoint}: the vendor does not accept our credentials (HTTP {status})."
        raise Unauthorized(reason, **details)
    if status == 429:
        raise Throttled(
            f"{endpoint}: the vendor's rate limit is reached.",
            retry_after=reply.rate.wait,
            **details,
        )
    if status in _FINAL or (status in final and reply.body.is_json_object()):
        raise Rejected(f"{endpoint}: the vendor refused it with HTTP {status}{meaning}.", **details)
    if 400 <= status < 500:
        raise Blocked(
            f"{endpoint}: refused with HTTP {status}{_form(reply, meaning)}. "
            "Nothing was done; it is sent again.",
            **details,
        )
    if 300 <= status < 400:
        raise Unconfirmed(
            f"{endpoint}: the vendor answered with a redirect (HTTP {status}), not followed.",
            **details,
        )
    raise Unconfirmed(f"{endpoint}: the vendor answered HTTP {status}{meaning}.", **details)


def _form(reply: Reply, meaning: str) -> str:
    """Return what a refusal means that is about the call as such."""
    documented = bool(meaning) and reply.body.is_json_object()
    return meaning if documented else ", not in the vendor's documented form"


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
