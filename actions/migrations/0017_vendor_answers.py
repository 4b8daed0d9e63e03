"""Store the vendor's own words of a failure, why sending stopped, and what a read could not use.

The columns are added by ALTER TABLE with a constant default, which both databases do without
writing the table again; Django's own operation would copy each table on SQLite.
"""

import django.db.models.deletion
from django.db import migrations, models

COUNT = "integer NOT NULL DEFAULT 0"
TEXT = "varchar({}) NOT NULL DEFAULT ''"

CAUSES = [
    ("", "An error that passes"),
    ("credentials", "The sign-in service refused the credentials"),
    ("sign_in", "The sign-in service gave no token"),
    ("token", "The API refused a new token"),
    ("refused", "Calls were refused as such"),
]
STAGES = [
    ("groups", "Groups"),
    ("devices", "Devices"),
    ("changes", "Changes"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("replaced", "Replaced"),
    ("stopped", "Stopped"),
]


def _add(model, name, definition, field):
    return migrations.SeparateDatabaseAndState(
        [
            migrations.RunSQL(
                f'ALTER TABLE "actions_{model}" ADD COLUMN "{name}" {definition}',
                f'ALTER TABLE "actions_{model}" DROP COLUMN "{name}"',
            )
        ],
        [migrations.AddField(model, name, field)],
    )


def _text(length, **options):
    return models.CharField(blank=True, db_default="", default="", max_length=length, **options)


class Migration(migrations.Migration):
    dependencies = [("actions", "0016_once_for_a_person")]

    operations = [
        _add(
            "inventorysync",
            "dropped",
            f'{COUNT} CHECK ("dropped" >= 0)',
            models.PositiveIntegerField(db_default=0, default=0),
        ),
        _add(
            "inventorysync",
            "empty_pages",
            f'{COUNT.replace("integer", "smallint")} CHECK ("empty_pages" >= 0)',
            models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        _add("inventorysync", "notice", TEXT.format(500), _text(500)),
        _add("vendoraccount", "open_cause", TEXT.format(12), _text(12, choices=CAUSES)),
        _add("vendorcall", "vendor_words", TEXT.format(300), _text(300)),
        migrations.AlterField(
            "inventorysync",
            "stage",
            models.CharField(choices=STAGES, default="groups", max_length=10),
        ),
        migrations.CreateModel(
            name="SyncCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=32)),
                (
                    "sync",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="actions.inventorysync",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("sync", "digest"), name="cursor_once_in_a_read")
                ],
            },
        ),
    ]
