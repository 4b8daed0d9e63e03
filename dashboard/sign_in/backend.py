"""Sign-in by name and password: allauth's form, behind our guard."""

from dashboard.authentication import UserBackend
from dashboard.models import User


class SignInBackend(UserBackend):
    """Finds the user by any spelling of the name; a deactivated user is like an unknown one.

    Known, unknown and deactivated names cost one password hash each, and get the same answer.
    """

    def _authenticate_by_username(self, username: str, password: str) -> User | None:
        return self._check_password(User.named(username), password)

    def _check_password(self, user: User | None, password: str) -> User | None:
        if user is None:
            return None
        self._did_check_password = True
        is_right = user.check_password(password)
        return user if is_right and self.user_can_authenticate(user) else None
