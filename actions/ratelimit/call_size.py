"""How many devices a call may carry: the setting, or fewer where the vendor refuses so many.

The vendor documents no largest number of ids (OPSWAT_MAX_DEVICES is a guess). If a call is refused
with 400 and both its halves are accepted as they are, no device was at fault: the call was too
large. The bound lies between the largest call accepted since (`devices_fit`) and the smallest one
refused (`devices_refused`); each full call halves that range. Once a day one call tries the setting
again. Another setting, version or address forgets what was learned.
"""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings

from actions.ratelimit.models import VendorAccount, VendorCall
from actions.ratelimit.states import CallState

PROBE_AFTER = timedelta(days=1)
"""Time after which one call of the set size tries whether the vendor takes it now."""


def allowed(account: VendorAccount) -> int:
    """Return the devices that a call may carry now."""
    most = int(settings.OPSWAT_MAX_DEVICES)
    if not is_bounded(account):
        return most
    refused = account.devices_refused or most
    fit = min(account.devices_fit or 1, refused - 1)
    # Halfway between what fits and what does not, until nothing is left between them.
    return max(1, fit if refused <= fit + 1 else (fit + refused) // 2)


def is_bounded(account: VendorAccount) -> bool:
    """Return whether the vendor is known to refuse calls as large as the setting."""
    known = account.devices_refused is not None and account.devices_refused > 1
    most = int(settings.OPSWAT_MAX_DEVICES)
    return (
        known and account.devices_setting == _setting() and (account.devices_refused or 0) <= most
    )


def to_claim(account: VendorAccount, at: datetime) -> int:
    """Return the devices that the next call may carry; once a day as many as are set."""
    probed_at = account.devices_probed_at
    if not is_bounded(account) or (probed_at and probed_at <= at < probed_at + PROBE_AFTER):
        return allowed(account)
    return int(settings.OPSWAT_MAX_DEVICES)


def note_claimed(account: VendorAccount, devices: int, at: datetime) -> None:
    """Note that a call is a probe: it is larger than the vendor took before."""
    if is_bounded(account) and devices > allowed(account):
        account.devices_probed_at = at
        account.save(update_fields=["devices_probed_at"])


def note_accepted(account: VendorAccount, call: VendorCall) -> None:
    """Learn from a call that the vendor accepted; call it under the account's lock."""
    size = call.device_count
    if is_bounded(account):
        if size >= (account.devices_refused or 0):
            account.devices_refused = account.devices_fit = None  # It takes as many now.
            account.save(update_fields=["devices_refused", "devices_fit"])
            return
        if size > (account.devices_fit or 0):
            account.devices_fit = size
            account.save(update_fields=["devices_fit"])
    if call.split_of is not None:
        _compare_halves(account, call)


def _compare_halves(account: VendorAccount, call: VendorCall) -> None:
    """Lower the bound if both halves of a refused call were accepted as they are."""
    whole = VendorCall.objects.filter(pk=call.split_of or 0, http_status__in=(400, 413)).first()
    halves = VendorCall.objects.filter(split_of=call.split_of, state=CallState.ANSWERED)
    sizes = list(halves.filter(http_status=200).values_list("device_count", flat=True))
    if whole is None or len(sizes) != 2 or sum(sizes) != whole.device_count:
        return
    known = is_bounded(account)
    refused = min(whole.device_count, account.devices_refused or 0) if known else whole.device_count
    fit = max(sizes) if not known else max(account.devices_fit or 0, *sizes)
    account.devices_refused, account.devices_setting = refused, _setting()
    account.devices_fit = fit if fit < refused else max(sizes)
    if not known:
        account.devices_probed_at = call.replied_at
    account.save(
        update_fields=["devices_refused", "devices_setting", "devices_fit", "devices_probed_at"]
    )


def _setting() -> str:
    """Return a digest of the settings for which the bound was learned."""
    parts = (settings.OPSWAT_MAX_DEVICES, settings.OPSWAT_ACTION_VERSION, settings.OPSWAT_BASE_URL)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
