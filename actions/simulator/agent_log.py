"""Build the ZIP file that Get Reports returns for a command_id.

File names and contents are invented; the vendor documents neither (U5).
"""

import io
import random
import zipfile
from collections.abc import Iterator

from actions.simulator.account import Command
from actions.simulator.fleet import SimDevice
from actions.simulator.serializers import timestamp

_EVENTS = (
    ("INFO", "service", "heartbeat sent, server answered in {n} ms"),
    ("INFO", "policy", "policy evaluated: {n} checks, result unchanged"),
    ("INFO", "oesis", "detection finished in {n} ms"),
    ("DEBUG", "net", "adapter state read, {n} adapters"),
    ("DEBUG", "queue", "{n} reports waiting"),
    ("WARN", "update", "definition file is {n} hours old"),
    ("WARN", "net", "server did not answer, next try in {n} s"),
    ("ERROR", "oesis", "product {n} did not answer in time"),
)
_LINES = 600


def build_report(command: Command, requested_at: float, megabytes: float = 0.0) -> bytes:
    """Build the ZIP for a command, with `megabytes` of random data; `requested_at` is Unix time."""
    rng = random.Random(command.command_id)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(command, requested_at, rng):
            archive.writestr(name, content)
        if megabytes:
            archive.writestr("dumps/service.dmp", rng.randbytes(int(megabytes * 2**20)))
    return packed.getvalue()


def report_name(command: Command) -> str:
    """Return the file name of the report; its characters need no quoting in a header."""
    return f"{command.kind}_{command.command_id}.zip"


def _files(command: Command, requested_at: float, rng: random.Random) -> Iterator[tuple[str, str]]:
    device = command.device
    yield "system_info.txt", _system_info(device)
    if command.kind == "scan_threats":
        yield "scan_result.txt", f"started {timestamp(requested_at)}\nthreats found: 0\n"
        return
    yield "logs/service.log", _log(rng, requested_at, device)
    yield "logs/update.log", _log(rng, requested_at - 3600, device, lines=_LINES // 4)
    yield (
        "network.txt",
        f"adapters: {len(device.macs)}\n"
        + "".join(f"{mac}  {device.ipv4}\n" for mac in device.macs),
    )


def _system_info(device: SimDevice) -> str:
    return (
        f"device id:     {device.device_id}\n"
        f"device name:   {device.device_name}\n"
        f"system:        {device.os_name} {device.os_version}\n"
        f"agent:         {device.agent_version} ({device.agent_type})\n"
        f"user:          {device.user_name}\n"
        f"last reboot:   {timestamp(device.last_reboot)}\n"
    )


def _log(rng: random.Random, end: float, device: SimDevice, lines: int = _LINES) -> str:
    log = [f"{timestamp(end - 60 * lines)} INFO  service  agent {device.agent_version} starts"]
    for line in range(lines):
        level, part, message = _EVENTS[int(rng.random() * len(_EVENTS))]
        at = timestamp(end - 60 * (lines - line))
        log.append(f"{at} {level:<5} {part:<8} {message.format(n=int(rng.random() * 900))}")
    return "\n".join(log) + "\n"
