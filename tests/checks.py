"""`python -m tests.checks`: Django's own checks, as in development and as in production."""

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "A model has changed without its migration": ["makemigrations", "--check", "--dry-run"],
    "Django's checks failed": ["check", "--fail-level", "WARNING"],
    "Django's checks for a server failed": ["check", "--deploy", "--fail-level", "WARNING"],
}
"""What it means when a command fails, and the command."""


def main() -> int:
    """Run them all; 0 if none has anything to say."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="console-") as folder:
        for meaning, command in CHECKS.items():
            env = _environment(folder, production="--deploy" in command)
            done = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                failed += 1
                said = (done.stdout + done.stderr).strip()
                print(f"{meaning} (manage.py {' '.join(command)}):\n{said}\n", file=sys.stderr)
    if not failed:
        print("Django's checks passed.")
    return 1 if failed else 0


def _environment(folder: str, *, production: bool) -> dict[str, str]:
    """Nothing of this machine's own configuration, lest it hides what a new one would see."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"READ_DOT_ENV": "0", "DATA_DIR": folder, "PYTHONWARNINGS": "default"}
    if production:
        env |= {
            "ALLOWED_HOSTS": "console.example.com",
            "BEHIND_PROXY": "1",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "OPSWAT_CLIENT_ID": secrets.token_urlsafe(12),
            "OPSWAT_CLIENT_SECRET": secrets.token_urlsafe(24),
        }
    return env


if __name__ == "__main__":
    sys.exit(main())
