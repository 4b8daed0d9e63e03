"""Everything that can go wrong between us and the vendor, by what to do about it.

VendorError
├── RetryLater        nothing was done; carries how long to wait
│   ├── Throttled     the vendor's limit (429)
│   └── Unreachable   never connected: safe to send again
├── Unconfirmed       sent, no usable answer: it may have happened
│   └── TooLarge      an answer beyond the cap: it would be so again
├── Rejected          the vendor said no (4xx): final for this call
└── Unauthorized      our credentials: stop the line and call a person

The texts are fit to show an operator and never hold a secret. All of them can be pickled, and
none of them is chained to what the HTTP library raised, because that one knows the whole URL.
"""

from actions.opswat.rate_headers import RateLimitStatus


class VendorError(Exception):
    """A call to the vendor that gave no usable result.

    `http_status` and `rate` say what the answer's first lines said, if there was an answer;
    `body` is the vendor's own text: at most 300 characters, no control characters, no secret.
    """

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        rate: RateLimitStatus | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.rate = rate
        self.body = body


class RetryLater(VendorError):
    """Nothing was done; `retry_after` is the vendor's wish in seconds, uncapped, if it has one."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        http_status: int | None = None,
        rate: RateLimitStatus | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message, http_status=http_status, rate=rate, body=body)
        self.retry_after = retry_after


class Throttled(RetryLater):
    """The vendor's rate limit (429): the call was refused before anything was done."""


class Unreachable(RetryLater):
    """No connection came about, so not one byte of the request has left: safe to send again."""


class Unconfirmed(VendorError):
    """The request may have arrived, and no usable answer came back: it may have happened."""


class TooLarge(Unconfirmed):
    """The answer is larger than the cap, so it was not read to its end."""


class Rejected(VendorError):
    """The vendor refused the call (4xx): the same call would be refused again."""


class Unauthorized(VendorError):
    """The vendor does not accept our credentials or our token (401)."""
