"""`python -m tests.chaos --seconds 600 --seed N [--database sqlite|postgres]`: a long run."""

import argparse
import os
import random
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

from tests.chaos.run import long_plan, run_chaos
from tests.postgres import own_postgres


def main() -> int:
    """Run, print the result, and return 0 only if there are no findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"seed {options.seed}, {options.seconds:g} s, {options.database}", flush=True)
    os.environ.pop("DATABASE_URL", None)
    try:
        with ExitStack() as stack:
            if options.database == "postgres":
                os.environ["DATABASE_URL"] = stack.enter_context(own_postgres())
            plan = long_plan(options.seed, options.seconds)
            result = run_chaos(plan, echo=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        return 130
    if result.findings:
        print(f"── output of the processes ──\n{result.output}")
    print(result)
    return 1 if result.findings else 0


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM like Ctrl-C, so that no process is left behind."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
