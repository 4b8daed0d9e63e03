"""`python tie.py PARENT COMMAND …`: run a command that ends when its parent process does.

Linux sends it SIGTERM then, even if the parent was killed with SIGKILL. Other systems have no such
call: there the command only runs.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Number of the call in <linux/prctl.h>."""


def main(parent: str, *command: str) -> None:
    """Tie this process to its parent, and replace it with the command."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  # Not needed elsewhere.

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # It ended before the call.
            return
    os.execvp(command[0], command)  # noqa: S606  # Our own command.


if __name__ == "__main__":
    main(*sys.argv[1:])
