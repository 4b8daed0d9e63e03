"""Name host, terminal and the person acted for in audit lines; add marks and counted refusals.

The columns of the trail are added by ALTER TABLE, as in 0015. The mark of the end is set for the
lines that exist. Targets of streams lose their path, which may hold a token.
"""

import re

from django.conf import settings
from django.db import migrations, models

from actions.migrations._frozen_0019 import signed_mark

COLUMNS = (("on_behalf_of", 150), ("host", 255), ("terminal", 64))


def _column(name, length):
    field = models.CharField(blank=True, db_default="", default="", max_length=length)
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f'ALTER TABLE "actions_auditevent" ADD COLUMN "{name}" '
                f"varchar({length}) NOT NULL DEFAULT ''",
                f'ALTER TABLE "actions_auditevent" DROP COLUMN "{name}"',
            )
        ],
        [migrations.AddField("auditevent", name, field)],
    )


def _mark_the_end(apps, schema_editor):
    events = apps.get_model("actions", "AuditEvent").objects.using(schema_editor.connection.alias)
    last = events.order_by("-pk").values_list("pk", "signature").first()
    if last:
        columns = ("name", "number", "key_id", "mac")
        mark = dict(zip(columns, signed_mark(settings.AUDIT_KEYS, "head", *last), strict=True))
        marks = apps.get_model("actions", "AuditMark").objects.using(events.db)
        marks.update_or_create(name=mark["name"], defaults=mark)


def _cut_paths(apps, schema_editor):
    for stream in apps.get_model("actions", "AuditStream").objects.all():
        start = re.match(r"https?://[^/]*", stream.target)
        if start:
            stream.target = f"{start[0]} (former {stream.pk})"
            stream.last_error = ""
            stream.save(update_fields=["target", "last_error"])


class Migration(migrations.Migration):
    dependencies = [("actions", "0018_agent_log_download_only")]

    operations = [
        *(_column(*column) for column in COLUMNS),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                fields=["on_behalf_of", "-id"],
                condition=~models.Q(on_behalf_of=""),
                name="event_on_behalf_of",
            ),
        ),
        migrations.CreateModel(
            "AuditMark",
            [
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("key_id", models.CharField(max_length=16)),
                ("mac", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            "RefusalCount",
            [
                ("name", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("told", models.IntegerField(default=0)),
                ("untold", models.IntegerField(default=0)),
                ("line", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [models.Index(fields=["started_at"], name="refusals_by_start")],
            },
        ),
        migrations.RunPython(_mark_the_end, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(_cut_paths, migrations.RunPython.noop, elidable=False),
    ]
