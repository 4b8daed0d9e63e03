"""The vendor calls of the inventory: refreshes of single devices, and reads page by page."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min

from actions.dispatch.work import Backlog, Due, Work
from actions.inventory import pages, refresh
from actions.inventory.models import PAGE, DeviceRefresh, InventorySync
from actions.inventory.refresh import DetailRead
from actions.inventory.store import store_details
from actions.opswat.client import Answer, Slot, VendorClient
from actions.opswat.errors import Rejected, VendorError
from actions.ratelimit import limiter, window
from actions.ratelimit.models import VendorCall
from actions.ratelimit.states import Lane

Stage = InventorySync.Stage


class DetailWork(Work[DetailRead, DetailRead]):
    """Reads the details of up to fifty devices in one call, and stores them."""

    apis = frozenset({"detail"})

    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: DetailRead
    ) -> Answer[Any]:
        """Make the Device Details call."""
        return client.device_details(slot, token, payload.ids)

    def settle(
        self, call: VendorCall, payload: DetailRead, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Store the details and end the refreshes of the devices in the answer."""
        absent = store_details(payload.ids, answer.value)
        refresh.finish(set(payload.ids) - absent)
        refresh.note_absent(absent)


class RefreshWork(DetailWork):
    """Refreshes devices that a person waits for, or that somebody acts on."""

    ranks = {refresh.WATCHED: 0, Lane.INVENTORY: 0}

    def next_due(
        self, lane: Lane, at: datetime, lingering: Collection[str]
    ) -> Due[DetailRead] | None:
        """Return a call's worth of devices; those of lower lanes fill it up."""
        found = refresh.due(lane, at)
        return Due(found, found.since) if found else None

    def claim(self, item: DetailRead, lane: Lane, at: datetime) -> tuple[VendorCall, DetailRead]:
        """Open the call, and put its refreshes off until the lease ends."""
        call = limiter.open_call(at, lane, "detail", device_count=len(item.ids))
        refresh.claim(item, call)
        return call, item

    def fail(self, call: VendorCall, payload: DetailRead, error: VendorError) -> None:
        """Refresh later, unless the vendor refused the call as such."""
        refresh.requeue(payload, error.told(), final=isinstance(error, Rejected))

    def clock_was_set(self, at: datetime) -> None:
        """Bring refreshes within a lease."""
        soon = at + window.lease()
        DeviceRefresh.objects.filter(due_at__gt=soon).update(due_at=soon)

    def backlog(self, at: datetime) -> Iterable[Backlog]:
        """Return the refreshes of each lane."""
        rows = DeviceRefresh.objects.filter(due_at__isnull=False).order_by()
        for lane, count, since in rows.values_list("lane").annotate(Count("id"), Min("due_at")):
            yield Backlog(Lane(lane), count, since)


class PageWork(Work[InventorySync, InventorySync]):
    """Reads groups, devices or changes, a page a call."""

    apis = frozenset({Stage.GROUPS, Stage.DEVICES, Stage.CHANGES})
    ranks = {Lane.INVENTORY: 0}

    def next_due(
        self, lane: Lane, at: datetime, lingering: Collection[str]
    ) -> Due[InventorySync] | None:
        """Return the running read whose next page has waited longest."""
        found = pages.due_sync(at)
        return Due(found, found.due_at) if found else None

    def claim(
        self, item: InventorySync, lane: Lane, at: datetime
    ) -> tuple[VendorCall, InventorySync]:
        """Open the call for the next page, and put the page after it off until the lease ends."""
        call = limiter.open_call(at, lane, item.stage, device_count=PAGE)
        item.calls += 1
        item.due_at = call.lease_until
        item.save()
        return call, item

    def send(
        self, client: VendorClient, slot: Slot, token: str, call: VendorCall, payload: InventorySync
    ) -> Answer[Any]:
        """Make the call of the read's stage: Get Groups, Status Change or Get Devices."""
        if call.api == Stage.GROUPS:
            return client.list_groups(slot, token, payload.page, PAGE)
        if call.api == Stage.CHANGES:
            age = pages.age_asked(payload, call.claimed_at)
            return client.status_changes(slot, token, age, payload.page, PAGE)
        return client.list_devices(slot, token, payload.cursor or None, PAGE)

    def settle(
        self, call: VendorCall, payload: InventorySync, answer: Answer[Any], *, in_time: bool
    ) -> None:
        """Store the page, unless a later call has asked for the same page since."""
        running = pages.still_reading(payload)
        if running is None:
            return
        if call.api == Stage.GROUPS:
            pages.store_groups(running, answer.value)
        elif call.api == Stage.CHANGES:
            pages.store_changes(running, answer.value)
        else:
            pages.store_devices(running, answer.value)

    def fail(self, call: VendorCall, payload: InventorySync, error: VendorError) -> None:
        """Ask for the page later; end the read, or only its groups, where the vendor refuses."""
        running = pages.still_reading(payload)
        if running is None:
            return
        if call.api == Stage.GROUPS:
            pages.requeue_groups(running, error.told(), final=isinstance(error, Rejected))
        elif isinstance(error, Rejected):
            pages.fail(running, error.told())
        else:
            pages.requeue(running, error.told())

    def clock_was_set(self, at: datetime) -> None:
        """Bring running reads within a lease."""
        soon = at + window.lease()
        InventorySync.objects.filter(running=True, due_at__gt=soon).update(due_at=soon)

    def backlog(self, at: datetime) -> Iterable[Backlog]:
        """Return the reads without a page interval: they use every slot that is left."""
        interval = window.length().total_seconds() / settings.OPSWAT_RATE_LIMIT[0]
        for row in InventorySync.objects.filter(running=True, page_interval__lt=interval):
            devices = row.calls_left * settings.OPSWAT_MAX_DEVICES
            yield Backlog(Lane.INVENTORY, devices, row.due_at)
