"""An installation that has lost its key file says so at the start, once, and writes nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def manage(folder: Path, *arguments: str, given: str = "") -> tuple[int, str]:
    env = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "0", "DATA_DIR": str(folder)}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=env, input=given, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_m7_a_lost_key_file_is_one_error_and_one_finding(tmp_path):
    person = ("add_person", "ada", "--role", "auditor", "--password-stdin")
    assert manage(tmp_path, "migrate", "-v", "0") == (0, "")
    assert manage(tmp_path, *person, given="correct horse battery\n")[0] == 0
    assert (tmp_path / "audit-anchors-simulator.jsonl").exists()
    assert manage(tmp_path, "audit_verify")[0] == 0
    (tmp_path / "audit_keys").rename(tmp_path / "kept")

    code, text = manage(tmp_path, "migrate", "-v", "0")
    assert code == 1
    assert text.count("Restore the file audit_keys in DATA_DIR") == 1
    code, text = manage(tmp_path, "audit_verify")
    assert (code, text.count("key: key-")) == (1, 2)  # The finding, and the summary.
    assert "1 findings" in text
    code, text = manage(tmp_path, "sync_devices", "--wait", "0")
    assert code == 1
    assert "Traceback" not in text

    (tmp_path / "kept").replace(tmp_path / "audit_keys")
    assert manage(tmp_path, "migrate", "-v", "0") == (0, "")
    assert manage(tmp_path, "audit_verify")[0] == 0
