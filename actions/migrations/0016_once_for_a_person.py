"""Bind form tokens to persons, and retries and undos to their parent and content.

A retry or undo had a form token that was computed from its content; now the digest of the content
has a column of its own, which no form can fill.
"""

from django.db import migrations, models

from actions.migrations._frozen_0016 import content_digest


def give_digests(apps, schema_editor):
    """Store the digest of each retry and undo, so that a repeat is recognised after the upgrade."""
    ActionRequest = apps.get_model("actions", "ActionRequest")
    DeviceCommand = apps.get_model("actions", "DeviceCommand")
    for row in ActionRequest.objects.filter(parent__isnull=False).iterator(chunk_size=500):
        commands = DeviceCommand.objects.filter(request_id=row.pk).order_by("id")
        targets = list(commands.values_list("target", flat=True))
        digest = content_digest(row.kind_name, row.params, row.addressing, targets)
        ActionRequest.objects.filter(pk=row.pk).update(digest=digest)


class Migration(migrations.Migration):
    dependencies = [("actions", "0015_accounts")]
    operations = [
        migrations.AddField("actionrequest", "digest", models.CharField(default="", max_length=64)),
        migrations.AlterField("actionrequest", "form_token", models.UUIDField()),
        migrations.RunPython(give_digests, migrations.RunPython.noop),
        migrations.AddConstraint(
            "actionrequest",
            models.UniqueConstraint(
                fields=("source", "actor", "form_token"), name="request_once_for_a_form"
            ),
        ),
        migrations.AddConstraint(
            "actionrequest",
            models.UniqueConstraint(
                condition=models.Q(("parent__isnull", False)),
                fields=("parent", "origin", "digest"),
                name="request_once_for_a_parent",
            ),
        ),
    ]
