"""The columns of the device list."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from actions.inventory.models import Device

Kind = Literal["text", "mono", "state", "word", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `key` also names the order in the URL.

    A cell shows the first of `fields` that has a value and, smaller, the values of `beside`.
    """

    key: str
    label: str
    fields: tuple[str, ...]
    beside: tuple[str, ...] = ()
    kind: Kind = "text"

    def main(self, device: "Device") -> object:
        """Return the first of the fields that has a value, or ""."""
        return next((value for value in map(device.__getattribute__, self.fields) if value), "")

    def sub(self, device: "Device") -> str:
        """Return the secondary text of the cell."""
        return ", ".join(filter(None, map(device.__getattribute__, self.beside)))


NAME = Column("name", "Device", ("label",))
"""The first column of every list."""

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
        Column("seen", "Last seen", ("last_seen",), kind="time"),
        Column("enrolled", "Enrolled", ("enrolled_at",), kind="time"),
        Column("reboot", "Last reboot", ("last_reboot",), kind="time"),
        Column("read", "Data read", ("read_at",), kind="time"),
    )
}
DEFAULT_COLUMNS = ("status", "system", "agent", "user", "address", "seen")


def chosen_columns(keys: Iterable[str]) -> list[Column]:
    """Return the columns with these keys in our order, or the default columns."""
    wanted = {key for key in keys if key in COLUMNS} or set(DEFAULT_COLUMNS)
    return [column for key, column in COLUMNS.items() if key in wanted]


def row_of(device: "Device", columns: Sequence[Column]) -> list[str]:
    """Return a device as a row of an export: its id, its name and each column, times in UTC."""
    texts = [device.vendor_id, device.label]
    for column in columns:
        value = column.main(device)
        texts.append(f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value))
    return texts


def head_of(columns: Sequence[Column]) -> list[str]:
    """Return the header row of an export."""
    return ["Device id", "Device", *(column.label for column in columns)]
