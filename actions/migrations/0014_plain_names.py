"""Give columns and tables the field's terms. Nothing is lost: only names change."""

import django.db.models.deletion
from django.db import migrations, models


def name_background_reads(apps, schema_editor):
    """Rename the kind of the slow read of the whole inventory."""
    syncs = apps.get_model("actions", "InventorySync").objects
    syncs.filter(kind="sweep").update(kind="background")


def name_sweeps(apps, schema_editor):
    """Undo name_background_reads."""
    syncs = apps.get_model("actions", "InventorySync").objects
    syncs.filter(kind="background").update(kind="sweep")


COLUMNS = (
    ("actionrequest", "likeness", "coalesce_key"),
    ("devicecommand", "likeness", "coalesce_key"),
    ("devicecommand", "rides", "coalesced"),
    ("devicecommand", "batch", "split_group"),
    ("devicecommand", "doubted", "in_doubt"),
    ("vendorcall", "likeness", "coalesce_key"),
    ("vendoraccount", "blocked_until", "open_until"),
    ("vendoraccount", "blocked_reason", "open_reason"),
    ("vendoraccount", "probe", "half_open"),
    ("vendoraccount", "trouble", "consecutive_failures"),
    ("vendoraccount", "token_sealed", "token_encrypted"),
    ("vendoraccount", "token_until", "token_expires_at"),
    ("dispatcherheartbeat", "beat_at", "heartbeat_at"),
    ("dispatcherheartbeat", "waiting", "idle"),
    ("device", "seen_by", "last_sync_id"),
    ("inventorysync", "pace", "page_interval"),
    ("inventorysync", "gone", "removed_count"),
    ("devicerefresh", "asked_at", "requested_at"),
    ("agentlog", "wanted_until", "viewed_until"),
    ("agentlog", "asked_at", "last_polled_at"),
    ("agentlog", "said", "message"),
    ("selection", "whole", "parent"),
    ("selection", "question", "query"),
    ("auditjob", "what", "kind"),
    ("auditjob", "form", "format"),
    ("auditjob", "question", "query"),
    ("auditjob", "asked_at", "requested_at"),
    ("auditjob", "beat_at", "heartbeat_at"),
    ("auditstream", "trouble", "last_error"),
    ("auditstream", "busy_until", "lease_until"),
    ("auditevent", "mac", "signature"),
    ("auditevent", "key", "key_id"),
)
"""Table, old column, new column."""


class Migration(migrations.Migration):
    dependencies = [("actions", "0013_source_of_event")]

    operations = [
        migrations.RenameModel("PumpHeartbeat", "DispatcherHeartbeat"),
        migrations.RenameModel("DeviceLook", "DeviceRefresh"),
        migrations.RenameModel("DeviceRaw", "DeviceSnapshot"),
        migrations.RenameModel("PickedList", "UploadedList"),
        migrations.RenameModel("AuditShipment", "AuditStream"),
        # Both name renamed columns, so they leave before the renames and come back after them.
        migrations.RemoveConstraint("devicecommand", "one_open_call_for_a_device"),
        migrations.RemoveIndex("devicecommand", "command_alike"),
        *(migrations.RenameField(*names) for names in COLUMNS),
        migrations.AddConstraint(
            "devicecommand",
            models.UniqueConstraint(
                condition=models.Q(("coalesced", False), ("status", "sending")),
                fields=("device_key",),
                name="one_open_call_for_a_device",
            ),
        ),
        migrations.AddIndex(
            "devicecommand",
            models.Index(
                condition=models.Q(("status", "queued")),
                fields=["coalesce_key", "request", "id"],
                name="command_coalesce",
            ),
        ),
        migrations.RenameIndex("devicerefresh", "refresh_due", old_name="look_due"),
        migrations.RenameIndex("auditevent", "event_of_http_request", old_name="event_of_click"),
        migrations.AlterField(
            "devicerefresh",
            "device",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="refresh",
                to="actions.device",
            ),
        ),
        migrations.AlterField(
            "devicesnapshot",
            "device",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="snapshot",
                to="actions.device",
            ),
        ),
        migrations.AlterField(
            "inventorysync",
            "kind",
            models.CharField(
                choices=[
                    ("full", "Full read"),
                    ("background", "Background read"),
                    ("new", "New devices"),
                    ("changes", "Changes"),
                ],
                default="full",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "vendorcall",
            "state",
            models.CharField(
                choices=[
                    ("sending", "In flight"),
                    ("answered", "Answered"),
                    ("failed", "No usable answer"),
                    ("not_sent", "Not connected"),
                    ("lost", "Worker died"),
                    ("foreign", "Made by another client"),
                ],
                max_length=10,
            ),
        ),
        migrations.RunPython(name_background_reads, name_sweeps),
    ]
