"""The person or the system that acts."""

from dataclasses import dataclass
from typing import Literal

from actions.roles import Role

Source = Literal["page", "api", "command", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as the audit trail names them; `user_id` is None for the engine and the shell."""

    name: str
    role: Role
    source: Source
    user_id: int | None = None
    address: str = ""
    request_id: str = ""
