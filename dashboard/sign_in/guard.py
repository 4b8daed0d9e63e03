"""The guard against guessing passwords: whether a password may be looked at now.

Failed sign-ins are counted by name, in any spelling. From the FREE_TRIES-th failure on, a name has
to wait, each time twice as long. A place from which the user signed in before (a browser with our
cookie, or an address) has a counter of its own, so that the failures of others do not keep the user
out. All tries from unknown places share a ceiling. An address alone is never blocked: a whole
company may be behind it.

A try is counted before its password is looked at, while the row of its counter is locked, so that
parallel tries are counted exactly. A success takes its own count back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

from dashboard.models import KnownPlace, SignInCounter, User
from dashboard.names import name_key
from dashboard.sign_in import known_device

FREE_TRIES = 5
"""Failures of one name that cost no wait."""

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)

FORGET_AFTER = timedelta(hours=24)
"""How long a counter is kept after its last try."""

CEILING = 300
"""Failures from unknown places in CEILING_SPAN, of all names together."""

CEILING_SPAN = timedelta(minutes=1)

KNOWN_FOR = timedelta(days=30)
"""How long an address counts as known after a sign-in."""

ALL = "all"
"""The name of the counter of the ceiling; no keyed hash looks like it."""


class TooManyTries(Exception):  # A refusal, not a fault.
    """This try is not looked at; `seconds` is the wait until the next one may be."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        self.seconds = max(1, round((until - now()).total_seconds()))
        super().__init__(f"Too many failed sign-ins. Wait {self.seconds} s.")


@dataclass(frozen=True, slots=True)
class Try:
    """A sign-in whose password may be looked at, and the counters that have counted it.

    `place` is the address. `until` is the end of the wait that begins if the try fails,
    `is_new_lock` says whether it is the first one, and `refused` is the number of tries that were
    refused since the one before.
    """

    name: str
    person: User | None
    place: str
    counters: tuple[SignInCounter, ...]
    refused: int

    @property
    def until(self) -> datetime | None:
        """The end of the wait that begins if the try fails."""
        return self.counters[-1].blocked_until

    @property
    def is_new_lock(self) -> bool:
        """Whether the try, if it fails, begins the first wait of its name."""
        return self.counters[-1].failed == FREE_TRIES


def hash_of(kind: str, text: str) -> str:
    """Return the keyed hash under which a name or a place is stored."""
    return salted_hmac(f"sign-in {kind}", text, algorithm="sha256").hexdigest()[:32]


def network_of(address: str) -> str:
    """Return the address, or the /64 of an IPv6 address, which one machine owns as a whole."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    return found.exploded[:19] if isinstance(found, IPv6Address) else str(found)


def admit(name: str, address: str, request: HttpRequest | None = None) -> Try:
    """Count a try before its password is looked at; raise TooManyTries if it has to wait."""
    person = User.named(name)
    hashed = hash_of("name", person.name_key if person else name_key(name))
    place = hash_of("address", network_of(address))
    device = known_device.device_of(request, person)
    known_address = place if _is_known(person, place) else ""
    known_place = hash_of("device", device) if device else known_address
    with transaction.atomic():
        counters = [] if known_place else [locked(ALL)]
        if not _blocked(counters):
            counters.append(locked(hashed, known_place, person))
        last, until = counters[-1], _blocked(counters)
        refused = last.refused
        last.refused = refused + 1 if until else 0
        for counter in counters:
            if not until:
                _count(counter)
            counter.save()
    if until:
        raise TooManyTries(until)
    return Try(hashed, person, place, tuple(counters), refused)


def _is_known(person: User | None, place: str) -> bool:
    known = KnownPlace.objects.filter(person=person, place=place, expires_at__gt=now())
    return person is not None and known.exists()


def locked(name: str, place: str = "", person: User | None = None) -> SignInCounter:
    """Return the counter, its row locked; a counter that has expired starts at zero."""
    rows = SignInCounter.objects.select_for_update(of=("self",)).filter(name=name, place=place)
    fresh = SignInCounter(name=name, place=place, person=person, expires_at=now() + FORGET_AFTER)
    counter = None
    while counter is None:  # The clean-up may remove the row before it is locked.
        SignInCounter.objects.bulk_create([fresh], ignore_conflicts=True)
        counter = rows.first()
    if counter.expires_at <= now():
        counter.failed, counter.blocked_until = 0, None
    return counter


def _blocked(counters: list[SignInCounter]) -> datetime | None:
    """Return until when one of the counters refuses tries."""
    ends = [each.blocked_until for each in counters if each.blocked_until]
    return max((end for end in ends if end > now()), default=None)


def _count(counter: SignInCounter) -> None:
    counter.failed += 1
    if counter.name != ALL:
        counter.blocked_until = now() + wait_after(counter.failed)
        counter.expires_at = now() + FORGET_AFTER
    elif counter.failed == 1:
        counter.expires_at = now() + CEILING_SPAN
    elif counter.failed >= CEILING:
        counter.blocked_until = counter.expires_at


def wait_after(failed: int) -> timedelta:
    """Return how long a name waits after so many failures."""
    if failed < FREE_TRIES:
        return timedelta()
    doublings: int = min(failed - FREE_TRIES, 10)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


@transaction.atomic
def succeed(admitted: Try, person: User) -> None:
    """Take the count of a successful try back, and remember its address as known."""
    for counted in admitted.counters:
        counter = SignInCounter.objects.select_for_update().filter(pk=counted.pk).first()
        if counter is None:
            continue
        counter.failed = 0 if counter.place else max(0, counter.failed - 1)
        if counter.blocked_until == counted.blocked_until:
            counter.blocked_until = None
        counter.save()
    KnownPlace.objects.bulk_create(
        [KnownPlace(person=person, place=admitted.place, expires_at=now() + KNOWN_FOR)],
        update_conflicts=True,
        unique_fields=["person", "place"],
        update_fields=["expires_at"],
    )


@transaction.atomic
def unlock(person: User) -> int:
    """Forget the failed sign-ins of a user; return how many of the counters were blocked."""
    counters = SignInCounter.objects.filter(name=hash_of("name", person.name_key))
    blocked = counters.filter(blocked_until__gt=now()).count()
    counters.delete()
    return blocked
