"""The values around one call: who we are, the permission to call, and what came of it."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from actions.opswat.rate_headers import RateLimitStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VendorConfig:
    """Where the vendor is and who we are; time-outs in seconds, sizes in bytes.

    `read_timeout` is for the whole of an answer, from the standing connection to its last byte.
    Nothing is checked here: a check that fails would show the secret among its variables.
    """

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    action_version: str = "v3.1"
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    max_body_bytes: int = 5 * 2**20
    max_report_bytes: int = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Slot:
    """Proof that the ledger of the rate limit has granted this call."""

    call_id: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable answer: its value, the HTTP status and the vendor's word on the rate limit."""

    value: T
    http_status: int
    rate: RateLimitStatus
