"""The vendor's part: answers for claimed calls, with every kind of failure among them.

Nothing is sent: a claim goes to the services that record an answer or an error, so that rows,
calls and audit lines agree as in a running installation.
"""

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings

from tests.upgrade.filling.old_code import (
    budget,
    claims,
    client,
    errors,
    models,
    payloads,
    replies,
)

MAX_RESTS = 100_000
"""Refused claims in a row after which the fill gives up; each takes about a millisecond."""

FAULTS: dict[int, Callable[[], Exception]] = {
    2: lambda: errors.Unreachable("The vendor cannot be reached."),
    5: lambda: errors.Unconfirmed("The connection broke off.", http_status=500),
    8: lambda: errors.Rejected("The vendor refused it: unknown device.", http_status=400),
    11: lambda: errors.Throttled("Too many calls.", retry_after=0.001, http_status=429),
    14: lambda: errors.Unauthorized("The token is not accepted.", http_status=401),
    17: lambda: errors.Unconfirmed("No answer in time."),
    19: lambda: errors.Rejected("The vendor refused it: bad parameter.", http_status=422),
}
"""By the number of the call within each round, the error that it ends with."""

ROUND = 40
CODES = {3: 0, 4: -1, 5: 7}
"""By the place of a device, modulo ten, the vendor's status; 1 for the others, none for 6."""


class Vendor:
    """Answers one claimed call after the other."""

    def __init__(self) -> None:
        self._calls = 0

    def settle_all(self) -> None:
        """Claim and answer until nothing is due."""
        while (taken := claim()) is not None:
            self.answer(taken)

    def answer(self, taken: Any) -> None:
        """Record the next answer or error for this call."""
        if taken.call.api == "token":
            token = client.Token(f"token-{self._calls}", 43_200.0)
            replies.record_answer(taken, client.Answer(token, 200, payloads.RateWord()))
            return
        number = self._calls
        self._calls += 1
        if fault := FAULTS.get(number % ROUND):
            replies.record_error(taken, fault())
            return
        answer = client.Answer(_receipts(taken), 200, _rate(taken, foreign=number == 1))
        replies.record_answer(taken, answer)


def claim() -> Any:
    """Return the next claim, or None without work; back-offs are as short as the window."""
    for _ in range(MAX_RESTS):
        taken = claims.claim()
        if not isinstance(taken, claims.Rest):
            return taken
    raise RuntimeError("The engine refuses to make a call.")


def claim_commands(vendor: Vendor) -> Any:
    """Return the next claim of commands, after the token that it may need first."""
    while taken := claim():
        if taken.order:
            return taken
        vendor.answer(taken)
    raise RuntimeError("No command waits.")


def _receipts(taken: Any) -> Any:
    receipts, logged = {}, taken.order.kind == "fetch_agent_log"
    for place, target in enumerate(taken.order.targets):
        status = CODES.get(place % 10, 1)
        if place % 10 == 6:
            continue
        command_id = f"command-{taken.call.pk}-{place}" if logged else ""
        receipts[target] = payloads.Receipt(target, status, json.dumps(status), command_id)
    return payloads.ReceiptBook(receipts)


def _rate(taken: Any, *, foreign: bool) -> Any:
    """Return the vendor's count of calls, for once with two that another client made."""
    total = int(settings.OPSWAT_RATE_LIMIT[0])
    if not foreign:
        return payloads.RateWord(total, total, 30.0)
    ours = models.VendorCall.objects.filter(holds_until__gt=taken.call.claimed_at).count()
    return payloads.RateWord(total, total - ours - 2, 30.0)


def forgive() -> None:
    """Lift the brakes that errors have put on, as a good answer does."""
    budget.good_answer(budget.lock_account())
