"""Tell the signs of life of workers from those of tickers; name the course of the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0022_faster_trail")]
    operations = [
        migrations.AddField(
            model_name="dispatcherheartbeat",
            name="part",
            field=models.CharField(db_default="worker", default="worker", max_length=10),
        ),
        migrations.AddField(
            model_name="dispatcherheartbeat",
            name="problem",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="epoch",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="former_epochs",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="vendoraccount",
            name="vendor_limit",
            field=models.PositiveIntegerField(null=True),
        ),
    ]
