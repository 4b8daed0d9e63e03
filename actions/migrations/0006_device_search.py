"""Find devices by any part of what names them, and list them in order of any column.

SQLite: an FTS5 table of trigrams that triggers keep true, and an index with all texts beside one
another. A later migration that recreates the table of devices drops these triggers and that index:
it must call `make_search` again (the tests of the search fail if it does not).

PostgreSQL: a GIN index of trigrams, and an index with the texts. The trigrams are of the extension
pg_trgm, one of PostgreSQL's own and trusted, so a role that may create in the database may switch it
on. Without that right the migration stops, says what to ask for, and leaves everything as it was.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.utils import DatabaseError, ProgrammingError

from actions.migrations._frozen_0006 import version_key

OUT_OF_INDEX = (
    "INSERT INTO actions_device_search(actions_device_search, rowid, search_text) "
    "VALUES ('delete', old.id, old.search_text);"
)
INTO_INDEX = (
    "INSERT INTO actions_device_search(rowid, search_text) VALUES (new.id, new.search_text);"
)
IN_SQLITE = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS actions_device_search USING fts5(
    search_text, content='actions_device', content_rowid='id', tokenize='trigram')""",
    f"""CREATE TRIGGER IF NOT EXISTS device_search_insert AFTER INSERT ON actions_device
    BEGIN {INTO_INDEX} END""",
    f"""CREATE TRIGGER IF NOT EXISTS device_search_delete AFTER DELETE ON actions_device
    BEGIN {OUT_OF_INDEX} END""",
    f"""CREATE TRIGGER IF NOT EXISTS device_search_update AFTER UPDATE OF search_text
    ON actions_device WHEN old.search_text <> new.search_text
    BEGIN {OUT_OF_INDEX} {INTO_INDEX} END""",
    "INSERT INTO actions_device_search(actions_device_search) VALUES ('rebuild')",
    # Words that no trigram finds, or that most devices have: all texts, and nothing besides, in the
    # order in which they are written.
    """CREATE INDEX IF NOT EXISTS device_search_texts
    ON actions_device (id, search_text, gone_at) WHERE gone_at IS NULL""",
)
OUT_OF_SQLITE = (
    "DROP TRIGGER IF EXISTS device_search_insert",
    "DROP TRIGGER IF EXISTS device_search_delete",
    "DROP TRIGGER IF EXISTS device_search_update",
    "DROP TABLE IF EXISTS actions_device_search",
    "DROP INDEX IF EXISTS device_search_texts",
)
IN_POSTGRESQL = (
    """CREATE INDEX IF NOT EXISTS device_search ON actions_device
    USING gin (search_text gin_trgm_ops) WITH (fastupdate = off)""",
    # As above; an index keeps no row of more than 2,704 bytes.
    """CREATE INDEX IF NOT EXISTS device_search_texts ON actions_device (id) INCLUDE (search_text)
    WHERE gone_at IS NULL AND octet_length(search_text) < 2000""",
    """CREATE INDEX IF NOT EXISTS device_search_long ON actions_device (id)
    WHERE gone_at IS NULL AND octet_length(search_text) >= 2000""",
)
MISSING = (
    "The search needs PostgreSQL's extension pg_trgm, and this database user may not switch it on. "
    "Ask an administrator of the database to run once, in this database: "
    "CREATE EXTENSION pg_trgm; then migrate again. Nothing has been changed."
)


def key_versions(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    devices = apps.get_model("actions", "Device").objects.using(schema_editor.connection.alias)
    for version in (
        devices.exclude(agent_version="").values_list("agent_version", flat=True).distinct()
    ):
        devices.filter(agent_version=version).update(agent_version_key=version_key(version))


def make_search(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "sqlite":
            for statement in IN_SQLITE:
                cursor.execute(statement)
            return
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if not cursor.fetchone():
            try:
                cursor.execute("CREATE EXTENSION pg_trgm")
            except ProgrammingError as problem:
                raise DatabaseError(MISSING) from problem
        for statement in IN_POSTGRESQL:
            cursor.execute(statement)


def drop_search(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "sqlite":
            for statement in OUT_OF_SQLITE:
                cursor.execute(statement)
        else:
            for name in ("device_search", "device_search_texts", "device_search_long"):
                cursor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0005_inventory"),
    ]

    operations = [
        migrations.AddField(
            model_name="device",
            name="agent_version_key",
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.RunPython(key_versions, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="devicecommand",
            name="device",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="commands",
                to="actions.device",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["host_name", "id"],
                name="listed_host_name",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["nickname", "id"],
                name="listed_nickname",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)), fields=["status", "id"], name="listed_status"
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["severity", "id"],
                name="listed_severity",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["device_type", "id"],
                name="listed_device_type",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["os_family", "id"],
                name="listed_os_family",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["os_name", "id"],
                name="listed_os_name",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["agent_type", "id"],
                name="listed_agent_type",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["agent_version_key", "id"],
                name="listed_agent_version_key",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["group_name", "id"],
                name="listed_group_name",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["user_name", "id"],
                name="listed_user_name",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)), fields=["ip", "id"], name="listed_ip"
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["public_ip", "id"],
                name="listed_public_ip",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)), fields=["mac", "id"], name="listed_mac"
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["enrolled_at", "id"],
                name="listed_enrolled_at",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["last_seen", "id"],
                name="listed_last_seen",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["last_reboot", "id"],
                name="listed_last_reboot",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)),
                fields=["read_at", "id"],
                name="listed_read_at",
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at__isnull", False)), fields=["gone_at"], name="gone"
            ),
        ),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(fields=["device", "created_at"], name="command_lately"),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(
                condition=models.Q(("gone_at", None)), fields=["id", "gone_at"], name="listed_all"
            ),
        ),
        migrations.RunPython(make_search, drop_search),
    ]
