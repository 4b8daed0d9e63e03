"""Read one sheet of a workbook in a child process with limits.

A small file can be made to unpack into gigabytes, or to take minutes: the child ends at its limits,
and the server only reads its answer, which is limited too.
"""

import json
from dataclasses import dataclass
from typing import Any

from actions.child_process import ChildFailed, Ended, Limits, run_module
from actions.selections.xlsx.package import BROKEN, TOO_LARGE, Unreadable

LIMITS = Limits(memory=384 * 2**20, output=16 * 2**20, cpu_seconds=10, wall_seconds=40.0)

SIGNATURE = b"PK\x03\x04"
"""The first bytes of an XLSX file."""

_WHY = {
    Ended.BUSY: "Other workbooks are being read. Try again in a minute.",
    Ended.TIME: "Reading this workbook takes too long. "
    "Save the column of the devices as a text file.",
    Ended.MEMORY: TOO_LARGE,
    Ended.OUTPUT: TOO_LARGE,
    Ended.FAILED: BROKEN,
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its rows as number and cells, the names of all sheets, and what was left out.

    `sheets` says of each sheet whether it is hidden. A cell is a text, or a list of a text and the
    reason why it cannot be used.
    """

    name: str
    sheets: list[tuple[str, bool]]
    hidden_rows: int
    hidden_columns: list[str]
    covered: int
    far: bool
    rows: list[list[Any]]


def read_sheet(
    data: bytes, *, rows: int, columns: int, characters: int, sheet: str = "", hidden: bool = False
) -> Sheet:
    """Read a sheet by its name, or the first visible one, with or without what is hidden.

    Raises Unreadable if the data is not a workbook or needs more than the limits allow.
    """
    bounds = (str(rows), str(columns), str(characters))
    module = "actions.selections.xlsx.child"
    name = sheet.replace("\x00", "").encode("utf-8", "replace").decode()
    try:
        answer = run_module(module, data, LIMITS, name, "1" if hidden else "0", *bounds)
    except ChildFailed as failure:
        raise Unreadable(_WHY[failure.why]) from failure
    found = json.loads(answer)
    if "refused" in found:
        raise Unreadable(found["refused"])
    found["sheets"] = [(name, is_hidden) for name, is_hidden in found["sheets"]]
    return Sheet(name=found.pop("sheet"), **found)
