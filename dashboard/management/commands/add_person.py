"""Create a user, or change one."""

from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from actions.management.base import shell_actor
from actions.roles import Role
from actions.trail import trail
from actions.trail.verbs import Verb
from dashboard.models import User


class Command(BaseCommand):
    """Creates a user, or sets the role and password of one."""

    help = "Add a user, or change the role and password of one. Asks for the password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("username")
        parser.add_argument("--role", choices=Role.values, required=True)
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Validate name and password, store the user and record it in the audit trail."""
        password = input() if options["password_stdin"] else getpass()
        # Only the exact spelling names a user who exists; another one is refused as a new name.
        name = options["username"]
        person = User.objects.filter(username=name).first() or User(username=name)
        before = person.role if person.pk else ""
        try:
            person.full_clean(exclude=["password", "name_key"])
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        person.role, person.is_active, person.is_demo = options["role"], True, False
        person.set_password(password)
        with transaction.atomic():
            self._save(person)
            trail.record(
                shell_actor(),
                Verb.PERSON_CHANGED if before else Verb.PERSON_ADDED,
                subject_kind="person",
                subject=person.username,
                before=before,
                after=person.role,
            )
        self.stdout.write(f"{person.username} can sign in as {person.get_role_display()}.")

    def _save(self, person: User) -> None:
        try:
            person.save()
        except IntegrityError:
            raise CommandError("Another user of this name was added just now.") from None
