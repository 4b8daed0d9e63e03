"""What a large submit pays for without need goes: see "The link of a command" in DECISIONS.md."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0010_agent_log")]

    operations = [
        migrations.AlterField(
            model_name="devicecommand",
            name="device",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="commands",
                to="actions.device",
            ),
        ),
        migrations.RemoveIndex(model_name="devicecommand", name="command_of_device"),
        migrations.RemoveIndex(model_name="devicecommand", name="command_lately"),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(fields=["device_key", "created_at"], name="command_of_device"),
        ),
        migrations.AlterField(
            model_name="devicecommand",
            name="call",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="commands",
                to="actions.vendorcall",
            ),
        ),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(
                condition=models.Q(("call__isnull", False)),
                fields=["call"],
                name="command_of_call",
            ),
        ),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(
                condition=models.Q(("status", "unconfirmed")),
                fields=["request", "status"],
                name="command_unsure",
            ),
        ),
    ]
