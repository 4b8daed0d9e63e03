import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0004_selection"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeviceLook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "lane",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "Urgent"),
                            (1, "Normal"),
                            (2, "Bulk"),
                            (3, "Reports"),
                            (4, "Inventory"),
                        ]
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("detail", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="DeviceRaw",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("record", models.TextField()),
                ("read_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="inventorysync",
            name="one_sync_at_a_time",
        ),
        migrations.AddField(
            model_name="device",
            name="seen_by",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="expected",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="gone",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="kind",
            field=models.CharField(
                choices=[
                    ("full", "Everything"),
                    ("sweep", "Everything, slowly"),
                    ("new", "Newly enrolled"),
                    ("changes", "Changes"),
                ],
                default="full",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="pace",
            field=models.FloatField(default=0),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="since",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="inventorysync",
            name="stage",
            field=models.CharField(
                choices=[
                    ("groups", "Groups"),
                    ("devices", "Devices"),
                    ("changes", "Changes"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("replaced", "Replaced"),
                ],
                default="groups",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(fields=["device_key", "-id"], name="command_of_device"),
        ),
        migrations.AddConstraint(
            model_name="inventorysync",
            constraint=models.UniqueConstraint(
                condition=models.Q(("running", True)), fields=("kind",), name="one_read_of_a_kind"
            ),
        ),
        migrations.AddField(
            model_name="devicelook",
            name="device",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="look",
                to="actions.device",
            ),
        ),
        migrations.AddField(
            model_name="deviceraw",
            name="device",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="raw", to="actions.device"
            ),
        ),
        migrations.AddIndex(
            model_name="devicelook",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["lane", "due_at"],
                name="look_due",
            ),
        ),
    ]
