"""The database refuses a role that the code does not know.

Such a role made every page fail. A user who has one becomes a viewer, the role with the fewest
rights: nobody can tell which rights were meant.
"""

import logging

from django.db import migrations, models
from django.db.models import Q

ROLES = ["viewer", "helpdesk", "operator", "auditor"]

log = logging.getLogger(__name__)


def make_viewers(apps, schema_editor):
    users = apps.get_model("dashboard", "User").objects.using(schema_editor.connection.alias)
    unknown = users.exclude(role__in=ROLES)
    if names := list(unknown.order_by("username").values_list("username", flat=True)):
        unknown.update(role="viewer")
        log.warning(
            "The role of these users was unknown, and they are viewers now: %s. "
            "Give each the right role with manage.py add_person.",
            ", ".join(names),
        )


class Migration(migrations.Migration):
    dependencies = [
        ("dashboard", "0004_sign_in_guard"),
    ]

    operations = [
        migrations.RunPython(make_viewers, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=Q(("role__in", ROLES)), name="user_role_is_known"
            ),
        ),
    ]
