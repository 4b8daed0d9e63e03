"""Let a user try to sign in again at once after failed sign-ins."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from actions.management.base import shell_actor
from actions.trail import trail
from actions.trail.verbs import Verb
from dashboard.models import User
from dashboard.sign_in import guard


class Command(BaseCommand):
    """Forgets the failed sign-ins of a user."""

    help = "Let a user try to sign in again at once after failed sign-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("username")

    @transaction.atomic
    def handle(self, *_: Any, **options: Any) -> None:
        """Forget the failed sign-ins and record it in the audit trail."""
        person = User.named(options["username"])
        if person is None:
            raise CommandError("There is no user of this name.")
        blocked = guard.unlock(person)
        trail.record(
            shell_actor(),
            Verb.PERSON_UNLOCKED,
            subject_kind="person",
            subject=person.username,
            count=blocked,
        )
        told = "was slowed down and can" if blocked else "was not slowed down and can"
        self.stdout.write(f"{person.username} {told} sign in now.")
