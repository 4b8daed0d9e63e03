"""The verbs of the audit trail: each event that a line can record, with its label for people."""

from django.db.models import TextChoices


class Verb(TextChoices):
    """An event that the trail records, as `subject.event`.

    Stored lines are signed with the value, so a value never changes. A verb that is no longer
    written stays here for the lines that hold it, and is named in RETIRED.
    """

    AUDIT_ACCEPTED = "audit.accepted", "Audit findings accepted"
    AUDIT_ARCHIVED = "audit.archived", "Audit lines archived"
    AUDIT_CHECKED = "audit.checked", "Audit trail checked"
    AUDIT_CHECK_ASKED = "audit.check_asked", "Audit check requested"
    AUDIT_CHECK_FAILED = "audit.check_failed", "Audit check failed"
    AUDIT_CHECK_REFUSED = "audit.check_refused", "Audit check refused"
    AUDIT_DOWNLOAD_REFUSED = "audit.download_refused", "Audit download refused"
    AUDIT_EXPORTED = "audit.exported", "Audit export created"
    AUDIT_EXPORT_ASKED = "audit.export_asked", "Audit export requested"
    AUDIT_EXPORT_FAILED = "audit.export_failed", "Audit export failed"
    AUDIT_EXPORT_REFUSED = "audit.export_refused", "Audit export refused"
    AUDIT_EXPORT_TAKEN = "audit.export_taken", "Audit export downloaded"

    CALL_ANSWERED = "call.answered", "Call answered"
    CALL_NOT_DONE = "call.not_done", "Call not carried out"
    CALL_REFUSED = "call.refused", "Call refused"
    CALL_SPLIT = "call.split", "Call split"
    CALL_UNCONFIRMED = "call.unconfirmed", "Call unconfirmed"

    COMMANDS_EXPIRED = "commands.expired", "Commands expired"
    COMMANDS_RELEASED = "commands.released", "Held commands queued"
    COMMANDS_UNCONFIRMED = "commands.unconfirmed", "Commands unconfirmed"

    DEVICES_EXPORTED = "devices.exported", "Device list exported"
    DEVICE_REFRESH_ASKED = "device.refresh_asked", "Device refresh requested"
    DEVICE_REFRESH_REFUSED = "device.refresh_refused", "Device refresh refused"

    FURTHER_REFUSED = "further.refused", "Further refusals"

    INVENTORY_SYNC_DONE = "inventory.sync_done", "Inventory read finished"
    INVENTORY_SYNC_FAILED = "inventory.sync_failed", "Inventory read failed"
    INVENTORY_SYNC_REFUSED = "inventory.sync_refused", "Inventory read refused"
    INVENTORY_SYNC_STARTED = "inventory.sync_started", "Inventory read started"
    INVENTORY_SYNC_STOPPED = "inventory.sync_stopped", "Inventory read stopped"
    INVENTORY_SYNC_STOP_REFUSED = "inventory.sync_stop_refused", "Inventory read stop refused"

    LOGS_SEARCHED = "logs.searched", "Agent logs of a request searched"
    LOG_ASKED_NOW = "log.asked_now", "Agent log fetch requested"
    LOG_CHECK_FAILED = "log.check_failed", "Agent log differs from its checksum"
    LOG_CONTROL_REFUSED = "log.control_refused", "Agent log control refused"
    LOG_DOWNLOADED = "log.downloaded", "Agent log downloaded"
    LOG_EXPIRED = "log.expired", "Agent log not delivered in time"
    LOG_FAILED = "log.failed", "Agent log failed"
    LOG_KEPT = "log.kept", "Agent log kept for download only"
    LOG_OPENED = "log.opened", "Agent log opened"
    LOG_READY = "log.ready", "Agent log ready"
    LOG_REMOVED = "log.removed", "Agent log removed"
    LOG_SEARCHED = "log.searched", "Agent log searched"
    LOG_STOPPED = "log.stopped", "Agent log fetch stopped"

    PAGE_REFUSED = "page.refused", "Page refused"

    PERSON_ADDED = "person.added", "Person added"
    PERSON_CHANGED = "person.changed", "Person changed"
    PERSON_LOCKED = "person.locked", "Sign-in slowed down"
    PERSON_SIGNED_IN = "person.signed_in", "Person signed in"
    PERSON_SIGNED_OUT = "person.signed_out", "Person signed out"
    PERSON_SIGN_IN_FAILED = "person.sign_in_failed", "Sign-in failed"
    PERSON_UNLOCKED = "person.unlocked", "Sign-in unlocked"

    READBACK_ACCEPTED = "readback.accepted", "Read-back: accepted"
    READBACK_CONFIRMED = "readback.confirmed", "Read-back: confirmed"
    READBACK_FAILED = "readback.failed", "Read-back: failed"
    READBACK_NOT_SEEN = "readback.not_seen", "Read-back: not seen"

    REQUEST_CANCELLED = "request.cancelled", "Request cancelled"
    REQUEST_CANCEL_REFUSED = "request.cancel_refused", "Request cancel refused"
    REQUEST_PAUSED = "request.paused", "Request paused"
    REQUEST_PAUSE_REFUSED = "request.pause_refused", "Request pause refused"
    REQUEST_REFUSED = "request.refused", "Request refused"
    REQUEST_RESUMED = "request.resumed", "Request resumed"
    REQUEST_RESUME_REFUSED = "request.resume_refused", "Request resume refused"
    REQUEST_RETRY_REFUSED = "request.retry_refused", "Request retry refused"
    REQUEST_SUBMITTED = "request.submitted", "Request submitted"
    REQUEST_UNDO_REFUSED = "request.undo_refused", "Request undo refused"

    RETENTION_REMOVED = "retention.removed", "Removed after retention"

    SELECTION_REFUSED = "selection.refused", "Selection refused"

    SENDING_FREEZE_REFUSED = "sending.freeze_refused", "Sending freeze refused"
    SENDING_FROZEN = "sending.frozen", "Sending frozen"
    SENDING_RESUMED = "sending.resumed", "Sending resumed"
    SENDING_RESUME_REFUSED = "sending.resume_refused", "Sending resume refused"

    SETTINGS_CHANGED = "settings.changed", "Settings changed"

    VENDOR_ANSWERED = "vendor.answered", "Vendor call answered"
    VENDOR_FAILED = "vendor.failed", "Vendor call failed"

    VIEW_CHANGE_REFUSED = "view.change_refused", "Shared view change refused"
    VIEW_DROPPED = "view.dropped", "Shared view deleted"
    VIEW_SHARED = "view.shared", "View shared"
    VIEW_UNSHARED = "view.unshared", "View no longer shared"


RETIRED: dict[Verb, str] = {}
"""Verbs that are no longer written, each with the reason."""

WARNINGS = frozenset(verb for verb in Verb if verb.endswith(("refused", "failed", "frozen")))
"""Verbs that a receiver of the trail gets with the severity *warning*; all others get *notice*."""


def label_of(verb: str) -> str:
    """Return the label of a stored verb; one that is not in the table is spelled out."""
    try:
        return str(Verb(verb).label)
    except ValueError:
        return verb.replace(".", " ").replace("_", " ").capitalize()
