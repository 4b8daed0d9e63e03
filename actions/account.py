"""The key of the vendor account that a row belongs to.

Today there is one account, which the settings describe. Each call, command, request, device, sync,
log and audit line carries its key all the same, so that several accounts need no migration of
large tables.
"""

from typing import Any

DEFAULT_ACCOUNT = 1
"""Key of the account that the settings describe."""

ACCOUNT_KEY: dict[str, Any] = {
    "related_name": "+",
    "db_index": False,
    "db_constraint": False,
    "default": DEFAULT_ACCOUNT,
    "db_default": DEFAULT_ACCOUNT,
}
"""Options of a foreign key to VendorAccount.

No constraint and no index: accounts are never deleted, and no query asks for an account alone.
"""
