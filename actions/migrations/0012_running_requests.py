"""Add the indexes by which every page counts running requests, however many have finished."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0011_soft_device_link")]

    operations = [
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(
                condition=models.Q(("status", "held")),
                fields=["request", "status"],
                name="command_held_of",
            ),
        ),
    ]
