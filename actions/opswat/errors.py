"""Errors of a vendor call, by what to do about them.

VendorError
├── RetryLater        nothing was done; `retry_after` says how long to wait
│   ├── Throttled     the vendor's rate limit (429)
│   ├── Blocked       a 4xx that the vendor does not document, or the page of a gateway
│   └── Unreachable   no connection: safe to send again
├── Unconfirmed       sent, no usable answer: it may have taken effect
│   ├── TooLarge      the answer exceeds the size limit: another try would too
│   └── NotRecorded   this console could not record the answer
├── Rejected          the vendor refused the call (a documented 4xx): final
└── Unauthorized      credentials or token not accepted: stop sending

The texts are fit to show to an operator and contain no secret. All errors can be pickled. None is
chained to an exception of the HTTP library, because that contains the whole URL.
"""

from actions.opswat.rate_headers import RateLimitStatus


class VendorError(Exception):
    """A call to the vendor without a usable result.

    `http_status` and `rate` come from the head of the answer, if there was one;
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

    def told(self) -> str:
        """Return the reason together with the vendor's own words, at most 500 characters."""
        words = f" OPSWAT says: {self.body}" if self.body else ""
        return f"{self}{words}"[:500]


class RetryLater(VendorError):
    """Nothing was done; `retry_after` is the vendor's value in seconds, if any, not capped."""

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


class Blocked(RetryLater):
    """Refused with a 4xx that the vendor does not document, or with the page of a gateway.

    *Assumed*: nothing was done, and the refusal is not about the content of the call.
    """


class Unreachable(RetryLater):
    """No connection was made, so no byte of the request was sent: safe to send again."""


class Unconfirmed(VendorError):
    """The request may have arrived, and no usable answer came: it may have taken effect."""


class TooLarge(Unconfirmed):
    """The answer is larger than the size limit, so it was not read to its end."""


class NotRecorded(Unconfirmed):
    """An answer came, and this console could not record it: it may have taken effect."""


class Rejected(VendorError):
    """The vendor refused the call (a documented 4xx): the same call would be refused again."""


class Unauthorized(VendorError):
    """The vendor does not accept our credentials or our token (401)."""
