"""What the vendor accepts in one call, short reads, and the queue of a device by lane."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0026_fingerprints")]
    operations = [
        migrations.AddField(
            model_name="vendoraccount",
            name="devices_fit",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="devices_refused",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="devices_probed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="devices_setting",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="vendorcall",
            name="split_of",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="vendorcall",
            index=models.Index(
                condition=models.Q(("split_of__isnull", False)),
                fields=["split_of"],
                name="call_halves",
            ),
        ),
        migrations.AddField(
            model_name="inventorysync",
            name="short",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RemoveIndex(model_name="devicecommand", name="command_coalesce"),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(
                condition=models.Q(("status", "queued")),
                fields=["coalesce_key", "request", "lane", "id"],
                name="command_coalesce",
            ),
        ),
    ]
