"""Count what a person asks for in a minute; put what a person waits for into the normal lane."""

import django.db.models.deletion
from django.db import migrations, models

URGENT, NORMAL = 0, 1


def leave_the_urgent_lane(apps, schema_editor):
    """Refreshes and polls of people no longer use the urgent lane."""
    for name in ("DeviceRefresh", "AgentLog"):
        apps.get_model("actions", name).objects.filter(lane=URGENT).update(lane=NORMAL)


class Migration(migrations.Migration):
    dependencies = [("actions", "0020_folded_names")]
    operations = [
        migrations.CreateModel(
            name="PersonBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("actor", models.CharField(max_length=170)),
                ("name", models.CharField(max_length=20)),
                ("since", models.DateTimeField()),
                ("used", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("actor", "name"), name="budget_once_for_an_actor"
                    )
                ],
            },
        ),
        migrations.AlterField(
            model_name="selection",
            name="parent",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="actions.selection",
            ),
        ),
        migrations.RunPython(leave_the_urgent_lane, migrations.RunPython.noop),
    ]
