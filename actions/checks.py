"""Django system checks of the settings. An error stops the start and names the setting."""

import os
import re
from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.files.storage import storages
from django.db import DatabaseError

from actions.audit.siem.targets import parse_target
from actions.budgets.budget import Budget
from actions.catalog import VERSIONS
from actions.opswat.client import check_base_url
from actions.trail import key_marks

_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.ASCII | re.IGNORECASE)
"""A host name, the name of a domain with a dot before it, or an IPv6 address in brackets."""

_EXAMPLE = re.compile(r"insecure|change.?me|change.?this|(secret|your).?key|example", re.IGNORECASE)
"""Words of keys that stand in documents and templates."""


@register()
def check_vendor(**_: Any) -> list[CheckMessage]:
    """Check that the vendor's settings are complete and name an allowed host."""
    problems: list[CheckMessage] = []
    for name in ("OPSWAT_CLIENT_ID", "OPSWAT_CLIENT_SECRET"):
        if not settings.SIMULATED and not getattr(settings, name):
            problems.append(
                Error(
                    f"{name} is missing, but other OPSWAT_ settings are given.",
                    hint="Set all of them, or none to use the built-in simulator.",
                    id="actions.E001",
                )
            )
    if wrong := [host for host in settings.OPSWAT_ALLOWED_HOSTS if not _HOST.fullmatch(host)]:
        names = ", ".join(map(repr, wrong))
        problems.append(Error(f"OPSWAT_ALLOWED_HOSTS: {names}.", id="actions.E004"))
    try:
        check_base_url(settings.OPSWAT_BASE_URL, settings.OPSWAT_ALLOWED_HOSTS)
    except ValueError as error:
        problems.append(Error(f"OPSWAT_BASE_URL: {error}", id="actions.E002"))
    if settings.OPSWAT_ACTION_VERSION not in VERSIONS:
        known = ", ".join(VERSIONS)
        problems.append(
            Error(
                f"OPSWAT_ACTION_VERSION is {settings.OPSWAT_ACTION_VERSION!r}; known: {known}.",
                id="actions.E003",
            )
        )
    return problems


@register()
def check_engine(**_: Any) -> list[CheckMessage]:
    """Check that the numbers of the engine allow calls and keep the vendor's rate limit."""
    problems: list[CheckMessage] = []
    calls, seconds = settings.OPSWAT_RATE_LIMIT
    if calls != int(calls) or calls - settings.ENGINE_RESERVE < 1:
        problems.append(
            Error(
                "OPSWAT_RATE_LIMIT less ENGINE_RESERVE must leave at least one whole call.",
                id="actions.E010",
            )
        )
    if not 1 <= settings.OPSWAT_MAX_DEVICES <= 1000:
        problems.append(Error("OPSWAT_MAX_DEVICES must be from 1 to 1000.", id="actions.E011"))
    if settings.ENGINE_IN_FLIGHT < 1:
        problems.append(Error("ENGINE_IN_FLIGHT must be at least 1.", id="actions.E012"))
    known, limits = {each.value for each in Budget}, settings.BUDGETS_PER_MINUTE
    if set(limits) != known or not all(type(each) is int and each > 0 for each in limits.values()):
        names = ", ".join(sorted(known))
        problems.append(
            Error(
                f"BUDGETS_PER_MINUTE gives whole numbers above 0 for some of: {names}.",
                id="actions.E014",
            )
        )
    if not settings.SIMULATED and calls / seconds > 10 / 60:
        problems.append(
            checks.Warning(
                f"OPSWAT_RATE_LIMIT is {calls:g}/{seconds:g}, more than the 10/60 that the "
                "vendor documents.",
                id="actions.W013",
            )
        )
    return problems


@register()
def check_audit(**_: Any) -> list[CheckMessage]:
    """Check the targets of the audit stream, and that a webhook has a secret to sign with."""
    problems: list[CheckMessage] = []
    for text in settings.AUDIT_STREAM_TO:
        try:
            target = parse_target(text)
        except ValueError as error:
            problems.append(Error(f"AUDIT_STREAM_TO: {error}.", id="actions.E030"))
            continue
        if target.is_plain_syslog:
            problems.append(
                checks.Warning(
                    f"AUDIT_STREAM_TO sends the audit trail unencrypted to {target.host}.",
                    hint="Use syslog+tls:// unless the network between is trusted.",
                    id="actions.W033",
                )
            )
        if target.scheme.startswith("http") and len(settings.AUDIT_STREAM_SECRET) < 16:
            missing = "AUDIT_STREAM_SECRET is missing or shorter than 16 characters."
            hint = "It signs the lines that a webhook receives."
            problems.append(Error(missing, hint=hint, id="actions.E031"))
    if settings.AUDIT_STREAM_CA and not os.access(settings.AUDIT_STREAM_CA, os.R_OK):
        problems.append(Error("AUDIT_STREAM_CA: no such file can be read.", id="actions.E034"))
    return problems


@register()
def check_storage(**_: Any) -> list[CheckMessage]:
    """Check that the storage of the agent logs can be made."""
    try:
        storage = storages["agent_logs"]
        storage.exists("x")
    except Exception as error:  # noqa: BLE001  # Each storage has errors of its own.
        name = type(error).__name__
        return [Error(f"AGENT_LOG_STORAGE cannot be used ({name}).", id="actions.E040")]
    return []


@register(Tags.database)
def check_audit_key(databases: Collection[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that this host signs the audit trail with the key that signed it last."""
    if not databases:
        return []
    try:
        problem = key_marks.problem()
    except DatabaseError:  # The tables are not there yet.
        return []
    return [Error(problem, id="actions.E033")] if problem else []


@register()
def check_debug(**_: Any) -> list[CheckMessage]:
    """Check that DEBUG is off where others can reach the console."""
    if settings.DEBUG and settings.PUBLIC:
        return [Error("DEBUG must be off where others can reach the console.", id="actions.E020")]
    return []


@register()
def check_https(**_: Any) -> list[CheckMessage]:
    """Check that HTTPS is on where others can reach the console."""
    if settings.PUBLIC and not settings.HTTPS and not settings.SIMULATED:
        return [
            Error(
                "HTTPS must be on where others can reach the console.",
                hint="Put a proxy with TLS in front, and set BEHIND_PROXY.",
                id="actions.E024",
            )
        ]
    return []


@register()
def check_secret_key(**_: Any) -> list[CheckMessage]:
    """Check that neither SECRET_KEY nor one of its fallbacks can be guessed."""
    problems: list[CheckMessage] = []
    if _is_simple(settings.SECRET_KEY):
        problems.append(
            Error(
                "SECRET_KEY is too short, too simple or an example.",
                hint="Use at least 32 random characters, or leave it out: then one is generated.",
                id="actions.E021",
            )
        )
    if any(map(_is_simple, settings.SECRET_KEY_FALLBACKS)):
        problems.append(
            Error(
                "A key in SECRET_KEY_FALLBACKS is too short, too simple or an example.",
                hint="Leave it out: what it signed is then no longer valid.",
                id="actions.E025",
            )
        )
    return problems


def _is_simple(key: str) -> bool:
    # A text that repeats itself is found in its double before the second half.
    repeats = key in (key + key)[1:-1]
    return len(key) < 32 or len(set(key)) < 8 or repeats or bool(_EXAMPLE.search(key))


@register()
def check_hosts(**_: Any) -> list[CheckMessage]:
    """Check that ALLOWED_HOSTS consists of host names; only the simulation may allow any host."""
    problems: list[CheckMessage] = []
    hosts = settings.ALLOWED_HOSTS
    if not settings.SIMULATED and (not hosts or "*" in hosts):
        problems.append(
            Error("ALLOWED_HOSTS must name the hosts of the console, not any.", id="actions.E022")
        )
    if wrong := [host for host in hosts if host != "*" and not _HOST.fullmatch(host)]:
        names = ", ".join(map(repr, wrong))
        hint = "Write names only: no scheme, port, path or blank."
        problems.append(Error(f"ALLOWED_HOSTS: {names}.", hint=hint, id="actions.E023"))
    return problems
