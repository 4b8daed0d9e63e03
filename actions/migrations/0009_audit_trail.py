import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


from actions.migrations import _frozen_0009 as frozen


SIGNED = (
    *("id", "at", "user_id", "actor", "role", "source", "address", "request_id", "verb"),
    *("subject_kind", "subject", "reason", "ticket", "kind", "count", "call", "data"),
    *("key", "previous"),
)
"""The columns that were signed, under the names that they had then."""


def chain_what_is_there(apps, schema_editor):
    """Sign the lines that were written before there was a frozen."""
    event_model = apps.get_model("actions", "AuditEvent")
    key_id, secret = next(iter(settings.AUDIT_KEYS.items()))
    previous = frozen.GENESIS
    for event in event_model.objects.order_by("pk").iterator(chunk_size=1000):
        event.data = frozen.normalize(event.data)
        count, devices = event.data.get("count"), event.data.get("devices")
        event.kind = str(event.data.get("kind") or "")[:32]
        found = len(devices) if isinstance(devices, list) else devices
        event.count = count if count is not None else found
        event.call = event.data.get("call")
        event.key, event.previous = key_id, previous
        event.search_text = frozen.search_text(vars(event))
        content = frozen.canonical(getattr(event, name) for name in SIGNED)
        event.mac = previous = frozen.sign(secret, content)
        event.save()


def name_devices(apps, schema_editor):
    """What the devices are and were called, from the inventory and from what was asked."""
    alias = apps.get_model("actions", "DeviceAlias")

    def store(pairs):
        rows = [
            alias(device_key=key, text=(frozen.normalise_mac(text) or text).lower()[:255])
            for key, text in pairs
            if text
        ]
        alias.objects.bulk_create(rows, batch_size=2000, ignore_conflicts=True)

    for model, fields in (
        ("Device", ("vendor_id", "name", "host_name", "nickname")),
        ("DeviceMac", ("device__vendor_id", "mac")),
        ("DeviceCommand", ("device_key", "target", "device_name", "device_mac")),
    ):
        rows = apps.get_model("actions", model).objects.order_by().values_list(*fields).distinct()
        found = []
        for key, *texts in rows.iterator(chunk_size=2000):
            found += [(key, text) for text in (key, *texts)]
            if len(found) > 5000:
                store(found)
                found = []
        store(found)


def guard(apps, schema_editor):
    frozen.create_search_index(schema_editor.connection)
    frozen.create_triggers(schema_editor.connection)


def unguard(apps, schema_editor):
    frozen.drop_triggers(schema_editor.connection)
    frozen.drop_search_index(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0008_leaner_commands"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditDevice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("device_key", models.CharField(max_length=255)),
                ("status", models.CharField(blank=True, max_length=12)),
            ],
        ),
        migrations.CreateModel(
            name="AuditJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "what",
                    models.CharField(
                        choices=[("check", "Check"), ("export", "Export")], max_length=6
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("user_id", models.BigIntegerField(null=True)),
                ("actor", models.CharField(max_length=150)),
                ("question", models.JSONField(default=dict)),
                ("form", models.CharField(blank=True, max_length=5)),
                ("done", models.BigIntegerField(default=0)),
                ("total", models.BigIntegerField(default=0)),
                ("result", models.JSONField(default=dict)),
                ("file", models.CharField(blank=True, max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("beat_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="AuditShipment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("target", models.CharField(max_length=255, unique=True)),
                ("last_id", models.BigIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("trouble", models.CharField(blank=True, max_length=500)),
                ("busy_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="DeviceAlias",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("device_key", models.CharField(max_length=255)),
                ("text", models.CharField(max_length=255)),
            ],
        ),
        migrations.AddField(
            model_name="auditevent",
            name="call",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="count",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="key",
            field=models.CharField(default="", max_length=16),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditevent",
            name="kind",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="lists_devices",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="auditevent",
            name="mac",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditevent",
            name="previous",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditevent",
            name="search_text",
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="id",
            field=models.BigIntegerField(primary_key=True, serialize=False),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["verb", "-id"], name="event_of_verb"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("kind", ""), _negated=True),
                fields=["kind", "-id"],
                name="event_of_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("call__gt", 0)), fields=["call", "id"], name="event_of_call"
            ),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(
                condition=models.Q(("request_id", ""), _negated=True),
                fields=["request_id", "id"],
                name="event_of_click",
            ),
        ),
        migrations.AddField(
            model_name="auditdevice",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="devices",
                to="actions.auditevent",
            ),
        ),
        migrations.AddIndex(
            model_name="auditjob",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["id"], name="audit_job_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="devicealias",
            constraint=models.UniqueConstraint(
                fields=("text", "device_key"), name="alias_once_for_a_device"
            ),
        ),
        migrations.AddIndex(
            model_name="auditdevice",
            index=models.Index(fields=["device_key", "-event"], name="device_in_event"),
        ),
        migrations.AddIndex(
            model_name="auditdevice",
            index=models.Index(fields=["status", "-event"], name="outcome_in_event"),
        ),
        migrations.AddIndex(
            model_name="auditdevice",
            index=models.Index(fields=["event"], name="devices_of_event"),
        ),
        migrations.RunPython(chain_what_is_there, migrations.RunPython.noop),
        migrations.RunPython(name_devices, migrations.RunPython.noop),
        migrations.RunPython(guard, unguard),
    ]
