"""Tables, columns, values and indexes of the first version that have another name today.

An entry applies only where the new database has the new name, so that this list may run ahead of
the migrations.
"""

from collections.abc import Collection, Mapping

TABLES = {
    "actions_pumpheartbeat": "actions_dispatcherheartbeat",
    "actions_devicelook": "actions_devicerefresh",
    "actions_deviceraw": "actions_devicesnapshot",
    "actions_pickedlist": "actions_uploadedlist",
    "actions_auditshipment": "actions_auditstream",
}

COLUMNS: dict[str, dict[str, str]] = {
    "actions_actionrequest": {"likeness": "coalesce_key"},
    "actions_devicecommand": {
        "likeness": "coalesce_key",
        "rides": "coalesced",
        "batch": "split_group",
        "doubted": "in_doubt",
    },
    "actions_vendorcall": {"likeness": "coalesce_key"},
    "actions_vendoraccount": {
        "blocked_until": "open_until",
        "blocked_reason": "open_reason",
        "probe": "half_open",
        "trouble": "consecutive_failures",
        "token_sealed": "token_encrypted",
        "token_until": "token_expires_at",
    },
    "actions_pumpheartbeat": {"beat_at": "heartbeat_at", "waiting": "idle"},
    "actions_device": {"seen_by": "last_sync_id"},
    "actions_inventorysync": {"pace": "page_interval", "gone": "removed_count"},
    "actions_devicelook": {"asked_at": "requested_at"},
    "actions_agentlog": {
        "wanted_until": "viewed_until",
        "asked_at": "last_polled_at",
        "said": "message",
    },
    "actions_selection": {"whole_id": "parent_id", "question": "query"},
    "actions_auditjob": {
        "what": "kind",
        "form": "format",
        "question": "query",
        "asked_at": "requested_at",
        "beat_at": "heartbeat_at",
    },
    "actions_auditshipment": {"trouble": "last_error", "busy_until": "lease_until"},
    "actions_auditevent": {"mac": "signature", "key": "key_id"},
}
"""By the old name of the table."""

VALUES = {
    ("actions_inventorysync", "kind"): {"sweep": "background"},
    # Urgent and normal: what a person waits for left the urgent lane.
    ("actions_devicelook", "lane"): {"0": "1"},
    ("actions_agentlog", "lane"): {"0": "1"},
    # The path of a webhook may hold a token.
    ("actions_auditshipment", "target"): {
        "https://hooks.example.com/trail": "https://hooks.example.com (former 2)"
    },
}
"""By the old names of table and column; applies together with the renamed columns of its table."""

DERIVED = {"actions_device": {"search_text"}, "actions_devicealias": {"id", "text"}}
"""Columns that are made of others, and made anew by an upgrade."""

INDEXES = {
    "command_alike": "command_coalesce",
    "look_due": "refresh_due",
    "event_of_click": "event_of_http_request",
    "event_of_verb": "event_of_verb_and_kind",
}


def new_table(old: str, tables: Collection[str]) -> str:
    """Return today's name of a table, where `tables` are those of today."""
    new = TABLES.get(old, old)
    return new if new in tables else old


def new_column(table: str, old: str, columns: Collection[str]) -> str:
    """Return today's name of a column; `table` is the old name, `columns` are those of today."""
    new = COLUMNS.get(table, {}).get(old, old)
    return new if new in columns else old


def new_values(table: str, column: str, columns: Collection[str]) -> Mapping[str, str]:
    """Return today's values of a column by the old ones; both names are old."""
    if not set(COLUMNS.get(table, {}).values()) <= set(columns):
        return {}
    return VALUES.get((table, column), {})
