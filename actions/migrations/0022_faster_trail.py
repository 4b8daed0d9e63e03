"""Find the lines of one verb and kind without reading others; check no foreign key twice."""

import django.db.models.deletion
from django.db import migrations, models


class AlterFieldOfPostgresql(migrations.AlterField):
    """Alters the column on PostgreSQL; SQLite would copy the table and drop its triggers."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        """Alter the column, but not on SQLite."""
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    dependencies = [("actions", "0021_budgets")]
    operations = [
        migrations.RemoveIndex(model_name="auditevent", name="event_of_verb"),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["verb", "-id", "kind"], name="event_of_verb_and_kind"),
        ),
        AlterFieldOfPostgresql(
            model_name="auditdevice",
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="devices",
                to="actions.auditevent",
            ),
        ),
    ]
