"""One key for all spellings of a user's name, and the counters of the sign-in guard."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from dashboard.migrations._frozen_0004 import MAX_KEY, TWIN_MARK, name_key


def fill_keys(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give each user the key of the name; the second user of a key gets it with a mark."""
    users = apps.get_model("dashboard", "User").objects.using(schema_editor.connection.alias)
    taken: set[str] = set()
    for user in users.order_by("pk").only("username"):
        key = name_key(user.username)[: MAX_KEY - 20]
        if key in taken:
            key = f"{key}{TWIN_MARK}{user.pk}"
        taken.add(key)
        users.filter(pk=user.pk).update(name_key=key)


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0003_saved_views")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="name_key",
            field=models.CharField(default="", editable=False, max_length=200),
            preserve_default=False,
        ),
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="user",
            name="name_key",
            field=models.CharField(editable=False, max_length=200, unique=True),
        ),
        migrations.CreateModel(
            name="KnownPlace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.CharField(max_length=32)),
                ("expires_at", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_places",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="known_places_by_expiry")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("person", "place"), name="one_row_of_a_known_place"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignInCounter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=32)),
                ("place", models.CharField(blank=True, max_length=32)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("blocked_until", models.DateTimeField(null=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="counters_by_expiry")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "place"), name="one_counter_of_a_name_and_place"
                    )
                ],
            },
        ),
    ]
