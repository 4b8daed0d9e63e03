"""Demo users for the simulator, one for each role; their passwords are in the data folder."""

import json
import os
import secrets
from pathlib import Path

from django.conf import settings

from actions.roles import Role
from dashboard.models import User


def demo_people() -> dict[str, str]:
    """Create the demo users unless they exist, and return their passwords by name.

    A user of the same name who is not a demo user is left alone and not returned.
    """
    path = Path(settings.DATA_DIR) / "demo_people.json"
    if path.exists():
        passwords: dict[str, str] = json.loads(path.read_text(encoding="ascii"))
    else:
        passwords = {role.value: secrets.token_urlsafe(9) for role in Role}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(passwords, file)
    found = {}
    for name, password in passwords.items():
        person, created = User.objects.get_or_create(
            username=name, defaults={"role": name, "is_demo": True}
        )
        if not person.is_demo:
            continue
        if created or not person.is_active:
            person.set_password(password)
            person.is_active = True
            person.save()
        found[name] = password
    return found
