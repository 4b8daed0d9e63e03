"""Demo users for the simulator, one for each role; their passwords are in the data folder."""

import json
import os
import secrets
from pathlib import Path

from django.conf import settings

from actions.roles import Role
from dashboard.data_folder import read_json
from dashboard.models import User


def demo_people() -> dict[str, str]:
    """Create the demo users unless they exist, and return their passwords by name.

    A user of the same name who is not a demo user is left alone and not returned.
    """
    path = Path(settings.DATA_DIR) / "demo_people.json"
    if path.exists():
        passwords = read_json(path)
    else:
        passwords = {role.value: secrets.token_urlsafe(9) for role in Role}
        draft = path.with_suffix(".new")  # Whole or not at all.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(passwords, file)
        draft.replace(path)
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
