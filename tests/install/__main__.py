"""`python -m tests.install`: follow docs/operations.md on an empty Debian, as root.

Makes a Debian with debootstrap, runs each block of commands of the document in it, in their order,
and writes what they said to docs/install-log.txt. Nothing else of the machine is touched: the file
systems are mounted in a name space that ends with the run.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "operations.md"
LOG = ROOT / "docs" / "install-log.txt"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""The authorities that this machine trusts; a proxy between it and the network may have its own."""

SERVICE = Path(__file__).with_name("systemctl.sh")

BLOCK = re.compile(r"^```sh\n(.*?)^```$|^(#+ [^\n]*)$", re.MULTILINE | re.DOTALL)

PACKAGES = "systemd,systemd-sysv,python3"

ENTER = """
set -e
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/run"
mount --rbind /dev "$1/dev"
exec chroot "$1" /bin/bash /root/follow.sh
"""

CHECKS = """
say "Checks that are not in the document"
systemd-analyze verify /etc/systemd/system/console*.service /opt/console/docs/systemd/*.service \
  /opt/console/docs/systemd/*.timer
console audit_verify
python3 -c 'import urllib.request as r; print(r.urlopen("http://127.0.0.1:8000/healthz/ready").read())'
runuser -u console -- sh -c "cd /opt/console && $(sed -n 's/^ExecStart=//p' \
  docs/systemd/console-backup.service | sed 's/%%/%/g; s/[$][$]/$/g')"
ls -l /var/backups/console
systemctl stop console.service
"""


def main() -> int:
    """Return 0 if every command of the document succeeded."""
    if os.geteuid() != 0:
        sys.exit("Run it as root: debootstrap makes device files and another root folder.")
    folder = Path(tempfile.mkdtemp(prefix="console-debian-"))
    try:
        debian = folder / "debian"
        print("Making an empty Debian …", flush=True)
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*make, str(debian)], check=True, stdout=subprocess.DEVNULL)
        _prepare(debian)
        return _follow(debian)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(debian: Path) -> None:
    """Put the repository, the machine's ways to the network, and the script into the Debian."""
    clone = ["git", "clone", "--quiet", "--bare", str(ROOT), str(debian / "srv" / "console.git")]
    subprocess.run(clone, check=True)
    for name in ("resolv.conf", "pip.conf"):
        if Path("/etc", name).exists():
            shutil.copy(Path("/etc", name), debian / "etc" / name)
    shutil.copy(AUTHORITIES, debian / "root" / "authorities.crt")
    shutil.copy(SERVICE, debian / "usr" / "local" / "sbin" / "systemctl")
    (debian / "usr" / "local" / "sbin" / "systemctl").chmod(0o755)
    text = ["set -e", "cd /root", "say() { printf '\\n== %s\\n' \"$1\"; }"]
    for commands, heading in BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")):
        if heading:
            text.append(f"say '{heading.strip('# ')}'")
        else:
            text += ["set -x", commands.rstrip(), "{ set +x; } 2>/dev/null"]
    text += ["cd /opt/console", CHECKS]
    (debian / "root" / "follow.sh").write_text("\n".join(text), encoding="utf-8")


def _follow(debian: Path) -> int:
    proxies = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL")
    env = {name: os.environ[name] for name in proxies if name in os.environ}
    env |= {
        "PIP_CERT": "/root/authorities.crt",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "REPOSITORY": "/srv/console.git",
        "PASSWORD": "a long sentence for a trial",
    }
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "-", debian],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    print(done.stdout)
    if done.returncode == 0:
        LOG.write_text(_readable(done.stdout), encoding="utf-8")
    return done.returncode


def _readable(text: str) -> str:
    """Leave out the lines of apt, which are of no use, and the time that each run differs by."""
    noise = re.compile(r"^(Get|Hit|Ign|Fetched|Selecting|Preparing|Unpacking|Setting up|\(Reading)")
    return "\n".join(line.rstrip() for line in text.splitlines() if not noise.match(line)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
