"""Give rows the key of their vendor account, and audit lines a field for the engine's explanations.

The columns are added by ALTER TABLE with a constant default, which both databases do without
writing the table again; Django's own operation would copy each table on SQLite.
"""

import django.db.models.deletion
from django.db import migrations, models

TABLES = (
    "actionrequest",
    "devicecommand",
    "vendorcall",
    "device",
    "inventorysync",
    "agentlog",
)


def _add(table, column, definition):
    return migrations.RunSQL(
        f'ALTER TABLE "actions_{table}" ADD COLUMN "{column}" {definition}',
        f'ALTER TABLE "actions_{table}" DROP COLUMN "{column}"',
    )


def _account():
    return models.ForeignKey(
        db_constraint=False,
        db_default=1,
        db_index=False,
        default=1,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="actions.vendoraccount",
    )


class Migration(migrations.Migration):
    dependencies = [("actions", "0014_plain_names")]

    operations = [
        *(
            migrations.SeparateDatabaseAndState(
                [_add(table, "account_id", "bigint NOT NULL DEFAULT 1")],
                [migrations.AddField(table, "account", _account())],
            )
            for table in TABLES
        ),
        migrations.SeparateDatabaseAndState(
            [
                _add("auditevent", "account", "bigint NOT NULL DEFAULT 1"),
                _add("auditevent", "detail", "text NOT NULL DEFAULT ''"),
            ],
            [
                migrations.AddField(
                    "auditevent", "account", models.BigIntegerField(db_default=1, default=1)
                ),
                migrations.AddField(
                    "auditevent", "detail", models.TextField(blank=True, db_default="", default="")
                ),
            ],
        ),
    ]
