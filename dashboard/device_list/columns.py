"""The columns that the list of devices can show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal["text", "mono", "state", "word", "moment"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what stands in it, in small beside it, and by which word the list is sorted."""

    key: str
    label: str
    fields: tuple[str, ...]
    beside: tuple[str, ...] = ()
    kind: Kind = "text"

    def main(self, device: Any) -> Any:
        """The first of its fields that says anything."""
        return next((value for value in map(device.__getattribute__, self.fields) if value), "")

    def sub(self, device: Any) -> str:
        """What stands in small beside it."""
        return ", ".join(filter(None, map(device.__getattribute__, self.beside)))


NAME = Column("name", "Device", ("label",))
"""Always the first column."""

COLUMNS = {
    column.key: column
    for column in (
        Column("status", "Status", ("status",), kind="state"),
        Column("severity", "Severity", ("severity",), kind="word"),
        Column("type", "Type", ("device_type",), kind="word"),
        Column("system", "System", ("os_name", "os_family"), ("device_type",)),
        Column("agent", "Agent", ("agent_version",), ("agent_type",)),
        Column("user", "User", ("user_name",), ("group_name",)),
        Column("group", "Group", ("group_name",)),
        Column("address", "Address", ("ip", "public_ip"), ("mac",), kind="mono"),
        Column("public", "Public IP", ("public_ip",), kind="mono"),
        Column("mac", "MAC", ("mac",), kind="mono"),
        Column("host", "Host name", ("host_name",)),
        Column("nickname", "Nickname", ("nickname",)),
        Column("seen", "Last seen", ("last_seen",), kind="moment"),
        Column("enrolled", "Enrolled", ("enrolled_at",), kind="moment"),
        Column("reboot", "Last reboot", ("last_reboot",), kind="moment"),
        Column("read", "Data read", ("read_at",), kind="moment"),
    )
}
USUAL = ("status", "system", "agent", "user", "address", "seen")


def chosen_columns(keys: Iterable[str]) -> list[Column]:
    """The columns of a person's choice in our order, or the usual ones."""
    wanted = {key for key in keys if key in COLUMNS} or set(USUAL)
    return [column for key, column in COLUMNS.items() if key in wanted]


def plain(device: Any, columns: Sequence[Column]) -> list[str]:
    """One device as texts for a file: id, name, and each column; moments in UTC."""
    texts = [device.vendor_id, device.label]
    for column in columns:
        value = column.main(device)
        moment = isinstance(value, datetime)
        texts.append(value.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else str(value))
    return texts


def heads(columns: Sequence[Column]) -> list[str]:
    """The head of such a file."""
    return ["Device id", "Device", *(column.label for column in columns)]
