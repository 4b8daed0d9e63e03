"""Remember what all hosts of this database must have alike."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0025_retention")]

    operations = [
        migrations.CreateModel(
            "Fingerprint",
            [
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("value", models.CharField(max_length=64)),
            ],
        ),
    ]
