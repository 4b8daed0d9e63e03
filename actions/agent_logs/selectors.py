"""Reads for pages: the list of agent logs, one log, and the contents of its files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from actions.action_requests.models import ActionRequest
from actions.agent_logs.models import AgentLog
from actions.agent_logs.states import LOG_OPEN, LOG_STATUSES, LOG_STORED, LogStatus
from actions.agent_logs.stored import open_stored
from actions.agent_logs.zip.directory import BadArchive, Entry, read_directory
from actions.agent_logs.zip.members import Member, MemberCache, MemberStream
from actions.agent_logs.zip.search import SEARCH, SearchResult, search
from actions.folding import fold
from actions.macs import normalise_mac

MEMBER_CACHE = MemberCache()
"""The files that this process read last."""

HITS_OF_A_LOG = 20
"""Hits shown for each log in a search over all logs of a request."""

CHOICES = LogStatus.choices


def listed(
    *, status: str = "", device: str = "", person: str = "", before: int | None = None, size: int
) -> list[AgentLog]:
    """Return a page of logs, newest first, below the id `before`."""
    rows = AgentLog.objects.select_related("command", "request")
    if status:
        rows = rows.filter(status=status)
    if device:
        folded = (normalise_mac(device) or fold(device)).lower()
        rows = rows.filter(
            Q(command__device_name__icontains=device)
            | Q(command__target__icontains=device)
            | Q(command__device__search_text__contains=folded)
        )
    if person:
        rows = rows.filter(request__actor__icontains=person)
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[:size])


def find(token: UUID) -> AgentLog | None:
    """Return the log with that id, with its command, request and call."""
    return AgentLog.objects.select_related("command", "request", "call").filter(uuid=token).first()


def of_request(action_request: ActionRequest) -> dict[str, int]:
    """Return how many logs the request has: all, still open, stored."""
    rows = AgentLog.objects.filter(request=action_request)
    found = list(rows.values_list("status", flat=True))
    return {
        "all": len(found),
        "open": sum(status in LOG_OPEN for status in found),
        "stored": sum(status in LOG_STORED for status in found),
    }


def meaning(status: str) -> str:
    """Return the explanation of a status."""
    return LOG_STATUSES[LogStatus(status)].explanation


def files(log: AgentLog) -> tuple[Entry, ...]:
    """Return the entries of a log's archive; raises BadArchive."""
    if log.status == LogStatus.UNREADABLE:
        raise BadArchive(f"{log.message} It can only be downloaded.")
    if log.status != LogStatus.READY:
        raise BadArchive("there is no file.")
    with open_stored(log) as file:
        return read_directory(file)


def member(log: AgentLog, entry: Entry) -> Member:
    """Return one file of a log, readable from any offset; raises BadArchive."""
    if entry.refusal:
        raise BadArchive(entry.refusal)
    return MEMBER_CACHE.member(log.stored_as, lambda: open_stored(log), entry)


def whole(log: AgentLog) -> Iterator[bytes]:
    """Return the file as the vendor sent it, in chunks; raises BadArchive."""
    if log.status not in LOG_STORED:
        raise BadArchive("there is no file.")
    file = open_stored(log)
    return iter(lambda: file.read(64 * 1024), b"")


def bytes_of(log: AgentLog, entry: Entry) -> Iterator[bytes]:
    """Return one unpacked file in chunks; it ends early where the archive is damaged."""
    stream = MemberStream(open_stored(log), entry)
    return iter(stream.read, b"")


@dataclass(frozen=True, slots=True)
class FoundInLog:
    """The hits in one file of a log."""

    log: AgentLog
    entry: Entry
    found: SearchResult


@dataclass(frozen=True, slots=True)
class FoundInLogs:
    """The hits in the logs of a request; `next_log` is the id to continue at, 0 at the end."""

    parts: tuple[FoundInLog, ...]
    searched: int
    next_log: int
    errors: tuple[str, ...]


def search_all(action_request: ActionRequest, phrase: str, first: int = 0) -> FoundInLogs:
    """Search a phrase in all stored logs of a request, from the id `first` on."""
    rows = AgentLog.objects.filter(request=action_request, status__in=LOG_STORED, pk__gte=first)
    parts: list[FoundInLog] = []
    errors: list[str] = []
    scanned = searched = 0
    for log in rows.select_related("command").order_by("id")[:1_000]:
        if scanned > SEARCH or len(parts) > 100:
            return FoundInLogs(tuple(parts), searched, log.pk, tuple(errors))
        searched += 1
        for part in _search_log(log, phrase, errors):
            scanned += part.found.scanned
            if part.found.hits:
                parts.append(part)
    return FoundInLogs(tuple(parts), searched, 0, tuple(errors))


def _search_log(log: AgentLog, phrase: str, errors: list[str]) -> Iterator[FoundInLog]:
    try:
        for entry in files(log):
            if not entry.refusal:
                found = search(member(log, entry), phrase, limit=HITS_OF_A_LOG)
                yield FoundInLog(log, entry, found)
    except BadArchive as error:
        errors.append(f"{log.command.label}: {error}")


def tree(entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    """Return the files and their folders as rows of a tree, each with its depth."""
    rows: list[dict[str, Any]] = []
    open_folders: tuple[str, ...] = ()
    for entry in sorted(entries, key=lambda each: (each.parts[:-1], each.parts[-1].casefold())):
        *folders, name = entry.parts
        for depth, folder in enumerate(folders):
            if open_folders[: depth + 1] != tuple(folders[: depth + 1]):
                rows.append({"folder": folder, "depth": min(depth, 6)})
        open_folders = tuple(folders)
        rows.append({"entry": entry, "label": name, "depth": min(len(folders), 6)})
    return rows
