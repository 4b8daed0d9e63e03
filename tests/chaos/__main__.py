"""`python -m tests.chaos --seconds 600 --seed N [--database sqlite|postgres]`: the long form."""

import argparse
import os
import random
import signal
import sys
from contextlib import ExitStack
from types import FrameType
from typing import NoReturn

from tests.chaos.play import long_plan, play
from tests.postgres import own_postgres


def main() -> int:
    """Play, and tell; 0 only if nothing was found."""
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
            outcome = play(plan, say=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        return 130
    if outcome.findings:
        print(f"── what the processes said ──\n{outcome.said}")
    print(outcome)
    return 1 if outcome.findings else 0


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    """A polite kill ends the run as Ctrl-C does, so that nothing is left behind."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
