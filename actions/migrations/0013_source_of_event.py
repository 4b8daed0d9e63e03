"""What came by the command line is found among a million lines that did not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0012_running_requests")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["source", "-id"], name="event_of_source"),
        ),
    ]
