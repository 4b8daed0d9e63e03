"""What the vendor's documentation leaves open, one switch each.

U1 to U17 number the unknowns of the vendor's API. A default is an assumption, not a fact, so code
that depends on it must be tested with the other values too.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Assumptions:
    """The assumptions of one simulated account; raises ValueError for an unknown value.

    `reset_time` rounds the reset time up or down, sends 0 or a time in the past, or leaves it out.
    `big_page` says what Get Devices answers to a limit over 50; "50" sends fifty.
    """

    # Device Action.
    accepted_status: int = 1  # assumed, U1: seen in the example only
    not_supported_status: int = 0  # assumed, U1: from the order of the list
    failed_status: int = -1  # assumed, U1: the same
    failed_after_days: float = 30.0  # assumed, U1: an agent silent for longer cannot be reached
    max_action_ids: int | None = 50  # assumed, U2: more is a 400; None means no limit
    unknown_ids: Literal["failed", "dropped"] = "failed"  # assumed, U3
    doubled_ids: Literal["row_each", "merged"] = "row_each"  # assumed, U3
    row_order: Literal["as_sent", "by_id"] = "as_sent"  # assumed, U3
    id_echo: Literal["as_sent", "upper", "lower"] = "as_sent"  # assumed, U3
    exempt_again: Literal["restart", "keep", "not_supported"] = "restart"  # assumed, U13
    unexempt_normal: Literal["accepted", "not_supported", "failed"] = "accepted"  # assumed, U13
    unknown_group: Literal["failed", "400"] = "failed"  # assumed, U13: 400 was called a bug in 2018
    hour_seconds: float = 3600.0  # seconds in an hour of exempt_time; a demo may use fewer

    # Get Reports.
    log_not_ready: Literal["200", "404", "400"] = "200"  # assumed, U4: code of the JSON reply
    command_lifetime: float | None = None  # assumed, U5: seconds; None: no expiry
    report_megabytes: float = 0.0  # assumed, U5: random data added to each log

    # Errors and the token.
    error_body: Literal["object", "nested", "text", "empty"] = "object"  # assumed, U6
    token_seconds: int = 43199  # assumed, U8: expires_in, as seen about 2014
    grant_policy: Literal["new", "same", "replace"] = "new"  # assumed, U8: "same" until it expires
    grant_reply: Literal["full", "short"] = "full"  # assumed, U8: fields beyond the two known ones
    bearer_accepted: bool = False  # assumed, U9: only the URL parameter is documented

    # The rate limit.
    window: Literal["sliding", "fixed"] = "sliding"  # assumed, U7
    counter: Literal["account", "per_api"] = "account"  # assumed, U7: "of an account"
    token_counts: bool = True  # assumed, U7: whether token calls count
    throttled_counts: bool = False  # assumed, U7: whether refused calls count
    reset_unit: Literal["seconds", "epoch"] = "seconds"  # assumed, U7: "in second"
    reset_time: Literal["up", "down", "zero", "past", "none"] = "up"  # assumed, U7: its rounding
    rate_headers: Literal["all", "429", "none"] = "all"  # assumed, U7: on which replies
    retry_after: Literal["none", "seconds", "date"] = "none"  # assumed: not among its headers

    # Reading devices.
    big_page: Literal["406", "400", "50"] = "406"  # assumed: the page says 406 is for old APIs only
    agent_type_in_list: bool = False  # assumed, U10: not among the listed fields
    list_fields: Literal["full", "documented"] = "full"  # assumed, U11: an incomplete table
    end_mark: Literal["empty", "missing", "null", "repeated", "empty_page"] = (
        "empty"  # assumed, U11
    )
    issue_in_list: Literal["long", "short", "plural"] = "short"  # three spellings seen in clients
    issue_in_detail: Literal["long", "short", "plural"] = "long"  # the same
    detail_shape: Literal["array", "object"] = "array"  # assumed: no example is known
    detail_spelling: Literal["underscore", "hyphen"] = "underscore"  # assumed: non[_-]compliant

    # Status Change: known are its parameters, the names of its two lists, that `status_detail` is
    # an object, and that `verbose` is about issue details only.
    changes_paging: Literal["each", "together"] = "each"  # assumed: whether `page` counts each list
    deleted_entry: Literal["object", "text"] = "object"  # assumed: form of `deleted_devices`
    new_is_change: bool = True  # assumed: whether enrollment counts as a change

    def __post_init__(self) -> None:
        """Reject unknown values; a typing error must not silently test the default."""
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(hint) is not Literal:
                _check_type(name, hint, value)
            elif value not in get_args(hint):
                raise ValueError(f"{name} must be one of: {', '.join(get_args(hint))}")


def _check_type(name: str, hint: object, value: object) -> None:
    """Raise ValueError for a wrong type; an int is valid as a float, a bool as neither."""
    allowed = set(get_args(hint) or (hint,))
    if float in allowed:
        allowed.add(int)
    if type(value) not in allowed:
        raise ValueError(f"{name} cannot be {value!r}")


def make_assumptions(switches: dict[str, Any]) -> Assumptions:
    """Build the assumptions from switches by name; raises ValueError for an unknown name."""
    known = get_type_hints(Assumptions)
    for name in switches:
        if name not in known:
            raise ValueError(f"no such switch: {name}")
    return Assumptions(**switches)
