"""The values of one call: the configuration, the slot, and the answer."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from actions.opswat.rate_headers import RateLimitStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VendorConfig:
    """The vendor's address and our credentials; time-outs in seconds, sizes in bytes.

    `read_timeout` covers a whole answer, from the open connection to its last byte. Nothing is
    checked here: the traceback of a failed check would contain the secret. `allowed_hosts` are
    host names in addition to the vendor's known ones.
    """

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    action_version: str = "v3.1"
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    max_body_bytes: int = 5 * 2**20
    max_report_bytes: int = 512 * 2**20
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """Proof that the ledger of the rate limit has granted this call."""

    call_id: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable answer: its value, the HTTP status and the vendor's rate limit headers."""

    value: T
    http_status: int
    rate: RateLimitStatus
