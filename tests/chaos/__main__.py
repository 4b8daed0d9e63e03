"""`python -m tests.chaos --seconds 600 --seed N [--database sqlite|postgres]`: a long run.

`--without-redis SECONDS` runs without Redis instead (times are a tenth: 360 s are an hour);
`--kill-parts N` kills each part of `up` N times.
"""

import argparse
import os
import random
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

from tests.chaos.event_log import EventLog
from tests.chaos.installation import open_installation
from tests.chaos.killed_parts import kill_parts
from tests.chaos.run import long_plan, run_chaos, without_redis
from tests.ports import free_port
from tests.postgres import own_postgres


def main() -> int:
    """Run, print the result, and return 0 only if there are no findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--without-redis", type=float, metavar="SECONDS")
    modes.add_argument("--kill-parts", type=int, metavar="N")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"seed {options.seed}, {options.seconds:g} s, {options.database}", flush=True)
    os.environ.pop("DATABASE_URL", None)
    try:
        with ExitStack() as stack:
            if options.database == "postgres":
                os.environ["DATABASE_URL"] = stack.enter_context(own_postgres())
            if options.kill_parts:
                return _kill_parts(options.seed, options.kill_parts)
            plan = long_plan(options.seed, options.seconds)
            if options.without_redis:
                plan = without_redis(options.seed, options.without_redis)
            result = run_chaos(plan, echo=_print)
    except KeyboardInterrupt:
        return 130
    if result.findings:
        print(f"── output of the processes ──\n{result.output}")
    print(result)
    return 1 if result.findings else 0


def _print(line: str) -> None:
    print(line, flush=True)


def _kill_parts(seed: int, times: int) -> int:
    with open_installation(seed) as installation:
        installation.port = free_port()
        result = kill_parts(installation, EventLog(_print), seed, times=times)
    print(result)
    return 1 if result.findings else 0


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM like Ctrl-C, so that no process is left behind."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
