"""State that the database was restored, and find what is in doubt since."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0023_tickers")]
    operations = [
        migrations.AddField(
            model_name="vendoraccount",
            name="restored_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="devicecommand",
            index=models.Index(
                fields=["id", "request"],
                condition=models.Q(status="unconfirmed", in_doubt=True, call=None),
                name="command_in_doubt",
            ),
        ),
    ]
