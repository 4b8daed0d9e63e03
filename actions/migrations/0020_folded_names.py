"""Fold the names and search texts of devices, so that any spelling of a name finds its device.

The columns are added by ALTER TABLE with a constant default: Django's own operation would copy the
table on SQLite and drop the triggers of the search. Rows are rewritten in batches, each with one
statement; a search text that is folded already is not written again.
"""

import json

from django.db import migrations, models

from actions.migrations._frozen_0020 import fold, name_key

BATCH = 5000
KEYS = ("name_key", "host_name_key", "nickname_key")
ROWS = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS a, "
    "json_extract(value, '$[2]') AS b, json_extract(value, '$[3]') AS c, "
    "json_extract(value, '$[4]') AS d FROM json_each(%s)",
    "postgresql": "SELECT (value->>0)::bigint AS id, value->>1 AS a, value->>2 AS b, "
    "value->>3 AS c, value->>4 AS d FROM json_array_elements(%s::json) AS given(value)",
}
UPDATE = (
    "UPDATE actions_device SET name_key = given.a, host_name_key = given.b, "
    "nickname_key = given.c, search_text = COALESCE(given.d, search_text) "
    "FROM ({rows}) AS given WHERE actions_device.id = given.id"
)


def fold_devices(apps, schema_editor):
    connection = schema_editor.connection
    devices = apps.get_model("actions", "Device").objects.using(connection.alias)
    update = UPDATE.format(rows=ROWS[connection.vendor])
    columns = ("pk", "name", "host_name", "nickname", "search_text")
    last = 0
    while rows := list(devices.filter(pk__gt=last).order_by("pk").values_list(*columns)[:BATCH]):
        last = rows[-1][0]
        given = []
        for key, *names, text in rows:
            folded = "\n".join(fold(line) for line in text.split("\n"))
            given.append([key, *map(name_key, names), None if folded == text else folded])
        with connection.cursor() as cursor:
            cursor.execute(update, [json.dumps(given, ensure_ascii=False)])


def fold_aliases(apps, schema_editor):
    """Replace former names; one that has the folded form already is only removed."""
    model = apps.get_model("actions", "DeviceAlias")
    aliases = model.objects.using(schema_editor.connection.alias)
    last = 0
    while rows := list(aliases.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = rows[-1].pk
        changed = [row for row in rows if name_key(row.text) != row.text]
        if changed:
            aliases.filter(pk__in=[row.pk for row in changed]).delete()
            aliases.bulk_create(
                [
                    model(device_key=row.device_key, text=key)
                    for row in changed
                    if (key := name_key(row.text))
                ],
                ignore_conflicts=True,
            )


def _add(table, column, definition, model_field):
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f'ALTER TABLE "actions_{table}" ADD COLUMN "{column}" {definition}',
                f'ALTER TABLE "actions_{table}" DROP COLUMN "{column}"',
            )
        ],
        [migrations.AddField(table, column, model_field)],
    )


def _key():
    return models.CharField(blank=True, db_default="", default="", max_length=255)


class Migration(migrations.Migration):
    dependencies = [("actions", "0019_trail_marks")]

    operations = [
        *(_add("device", key, "varchar(255) NOT NULL DEFAULT ''", _key()) for key in KEYS),
        migrations.AddField(
            "uploadedlist", "original", models.BinaryField(db_default=b"", default=b"")
        ),
        migrations.AddField(
            "uploadedlist", "reading", models.TextField(db_default="{}", default="{}")
        ),
        *(
            migrations.RemoveIndex("device", name)
            for name in ("device_named", "device_host_named", "device_nicknamed")
        ),
        migrations.RunPython(fold_devices, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(fold_aliases, migrations.RunPython.noop, elidable=False),
        *(
            migrations.AddIndex("device", models.Index(fields=[key], name=name))
            for key, name in zip(
                KEYS, ("device_named", "device_host_named", "device_nicknamed"), strict=True
            )
        ),
    ]
