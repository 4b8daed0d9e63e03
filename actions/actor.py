"""The person or the system that acts."""

from dataclasses import dataclass
from typing import Literal

from actions.roles import Role

Source = Literal["page", "api", "command", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit trail names them; `user_id` is None for the engine and the shell.

    For a command, `name` is the user of the operating system, and `host` and `terminal` are where
    the command was typed. With `--as`, `on_behalf_of`, `role` and `user_id` are those of a person
    of the console.
    """

    name: str
    role: Role
    source: Source
    user_id: int | None = None
    address: str = ""
    request_id: str = ""
    on_behalf_of: str = ""
    host: str = ""
    terminal: str = ""

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has signed in."""
        return self.source == "page" and self.user_id is None

    @property
    def label(self) -> str:
        """The name that people read: also of the person in whose name a command acts."""
        return label_of(self.name, self.on_behalf_of)


def label_of(name: str, on_behalf_of: str) -> str:
    """Return both names of an actor as people read them, or the one that there is."""
    return f"{name} (on behalf of {on_behalf_of})" if on_behalf_of else name
