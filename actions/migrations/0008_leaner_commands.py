import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0007_pick"),
    ]

    operations = [
        migrations.AlterField(
            model_name="devicecommand",
            name="request",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="commands",
                to="actions.actionrequest",
            ),
        ),
    ]
