"""Errors with which the engine refuses, by what the caller can do about them.

ActionsError
├── Refused          the input cannot be accepted: correct the named fields
├── NotAllowed       the role or ownership forbids it: ask a person who may
└── IllegalMove      a programming error: the state table has no such move

Each error holds its problems, and each problem a code. Forms show the text, programs read the
code, translations replace the message.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Stable names of problems, for programs; a name never changes its meaning."""

    # What the engine may be asked for.
    UNKNOWN_KIND = "unknown_kind"
    KIND_NOT_OFFERED = "kind_not_offered"
    UNKNOWN_CONTROL = "unknown_control"
    UNKNOWN_FORMAT = "unknown_format"
    INVALID_FILTER = "invalid_filter"
    TOO_MANY_VALUES = "too_many_values"

    # The parameters of a request.
    HOURS_MISSING = "hours_missing"
    HOURS_INVALID = "hours_invalid"
    HOURS_AMBIGUOUS = "hours_ambiguous"
    HOURS_NOT_ACCEPTED = "hours_not_accepted"
    GROUP_MISSING = "group_missing"
    GROUP_NOT_ACCEPTED = "group_not_accepted"
    UNKNOWN_GROUP = "unknown_group"
    REASON_MISSING = "reason_missing"
    REASON_TOO_LONG = "reason_too_long"
    START_INVALID = "start_invalid"
    START_IN_THE_PAST = "start_in_the_past"
    START_TOO_LATE = "start_too_late"
    GIVE_UP_INVALID = "give_up_invalid"
    DATABASE_RESTORED = "database_restored"
    ALREADY_SUBMITTED = "already_submitted"
    FORM_USED = "form_used"

    # The devices of a request.
    DEVICES_MISSING = "devices_missing"
    DEVICE_ID_INVALID = "device_id_invalid"
    MAC_INVALID = "mac_invalid"
    DUPLICATE_DEVICES = "duplicate_devices"
    UNKNOWN_DEVICES = "unknown_devices"
    REMOVED_DEVICES = "removed_devices"
    AMBIGUOUS_DEVICES = "ambiguous_devices"
    MIXED_ADDRESSING = "mixed_addressing"
    TOO_MANY_DEVICES = "too_many_devices"

    # Lists of devices that are pasted or uploaded.
    FILE_UNREADABLE = "file_unreadable"
    FILE_TOO_LARGE = "file_too_large"
    LIST_EMPTY = "list_empty"
    LIST_AMBIGUOUS = "list_ambiguous"
    TOO_MANY_LINES = "too_many_lines"

    # The state of what is to be changed.
    UNKNOWN_OUTCOME = "unknown_outcome"
    OUTCOME_NOT_RETRYABLE = "outcome_not_retryable"
    NOTHING_TO_RETRY = "nothing_to_retry"
    NOT_UNDOABLE = "not_undoable"
    NOTHING_TO_UNDO = "nothing_to_undo"
    FORMER_GROUP_UNKNOWN = "former_group_unknown"
    LOG_ALREADY_FETCHED = "log_already_fetched"
    FETCH_IN_PROGRESS = "fetch_in_progress"
    FETCH_ALREADY_QUEUED = "fetch_already_queued"
    FETCHED_RECENTLY = "fetched_recently"
    FETCHING_ALREADY_STOPPED = "fetching_already_stopped"
    EXPORT_EXPIRED = "export_expired"
    VIEW_NAME_MISSING = "view_name_missing"
    VIEW_NAME_TOO_LONG = "view_name_too_long"
    TOO_MANY_VIEWS = "too_many_views"
    ILLEGAL_MOVE = "illegal_move"

    # How much of it.
    DISK_SHORT = "disk_short"
    OVER_BUDGET = "over_budget"
    TOO_MANY_EXPORTS = "too_many_exports"

    # Who may do it.
    UNKNOWN_PERSON = "unknown_person"
    PERSON_REQUIRED = "person_required"
    ROLE_MAY_NOT_SUBMIT = "role_may_not_submit"
    ROLE_MAY_NOT_USE_KIND = "role_may_not_use_kind"
    ROLE_MAY_NOT_READ_AUDIT = "role_may_not_read_audit"
    ROLE_MAY_NOT_READ_LOGS = "role_may_not_read_logs"
    ROLE_MAY_NOT_READ_STORAGE = "role_may_not_read_storage"
    ROLE_MAY_NOT_SYNC = "role_may_not_sync"
    ROLE_MAY_NOT_FREEZE = "role_may_not_freeze"
    NOT_YOUR_REQUEST = "not_your_request"
    NOT_YOUR_SELECTION = "not_your_selection"
    NOT_YOUR_LIST = "not_your_list"
    NOT_YOUR_VIEW = "not_your_view"
    PAGE_FORBIDDEN = "page_forbidden"
    FORM_NOT_VALID = "form_not_valid"
    TOO_MANY_REQUESTS = "too_many_requests"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for a refusal; `field` is the input that it concerns, "" for the whole.

    `message` is plain text, or a %-format that names `params`.
    """

    field: str
    code: Code
    message: str
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence that people read."""
        return self.message % self.params if self.params else self.message


class ActionsError(Exception):
    """Base of all errors of the engine; an operator may read the text of each."""

    is_recorded = False
    """Whether the audit trail has a line for it, or needs none."""

    audit_line: dict[str, Any] | None = None
    """The line that `trail.refusals` will write, as the innermost service describes it."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(" ".join(problem.text for problem in problems))

    @property
    def codes(self) -> list[str]:
        """The code of each problem, without repetition."""
        return list(dict.fromkeys(str(problem.code) for problem in self.problems))

    def by_field(self) -> dict[str, list[str]]:
        """The texts to show beside each field."""
        found: dict[str, list[str]] = {}
        for problem in self.problems:
            found.setdefault(problem.field, []).append(problem.text)
        return found


class Refused(ActionsError):
    """The input cannot be accepted as it is; nothing was stored."""

    @classmethod
    def because(cls, field: str, code: Code, message: str, /, **params: object) -> "Refused":
        """Refuse for one reason."""
        return cls(Problem(field, code, message, params))


class _WithOneProblem(ActionsError):
    """An error that concerns no field and has one reason."""

    def __init__(self, code: Code, message: str, /, **params: object) -> None:
        self.problem = Problem("", code, message, params)
        super().__init__(self.problem)

    @property
    def code(self) -> Code:
        """The name of the reason, for programs."""
        return self.problem.code


class NotAllowed(_WithOneProblem):
    """The role of the actor, or who owns the thing, does not allow it."""


class IllegalMove(_WithOneProblem):
    """The state table has no such move."""


class UnknownKeyError(RuntimeError):
    """This host must not sign the audit trail; the text says why and what to do."""
