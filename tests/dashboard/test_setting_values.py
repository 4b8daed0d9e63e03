"""Values of settings that people write, each with its right result: what it means, or a refusal.

The 101 values of a review of the settings, and more of the same kinds.
"""

import logging
import os
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from dashboard import settings as module

REAL = {"OPSWAT_CLIENT_ID": "me", "OPSWAT_CLIENT_SECRET": "hidden"}
SECRET = "hunter2"

Load = Callable[..., dict[str, Any]]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Load]:
    """Return a function that reads the settings anew; raises ImproperlyConfigured."""

    def read(**variables: str) -> dict[str, Any]:
        folder = {"DATA_DIR": str(tmp_path / "data"), "READ_DOT_ENV": "0"}
        monkeypatch.setattr(os, "environ", folder | variables)
        found = runpy.run_path(str(module.__file__))
        for name, value in found.items():
            if name.isupper() and name not in {"DATABASES", "INSTALLED_APPS", "AUTH_USER_MODEL"}:
                setattr(settings, name, value)
        errors = [each for each in run_checks() if each.is_serious() and not each.is_silenced()]
        if errors:
            raise ImproperlyConfigured("; ".join(each.msg for each in errors))
        return found

    mask = os.umask(0o077)
    level = logging.root.level
    yield read
    logging.root.setLevel(level)
    os.umask(mask)


REFUSED: list[tuple[str, str]] = [
    # Retention: what is misread removes what should stay, or fills the disk.
    ("REQUESTS_KEEP_DAYS", "1 year"),
    ("REQUESTS_KEEP_DAYS", "-1"),
    ("CALLS_KEEP_DAYS", "400.5"),
    ("AUDIT_JOBS_KEEP_DAYS", "never"),
    ("AUDIT_ARCHIVE_KEEP_DAYS", "36501"),
    ("GONE_DEVICES_KEEP_DAYS", "1e3"),
    ("MIN_FREE_DISK_MB", "500 MB"),
    ("AGENT_LOG_TOTAL_MB", "10GB"),
    # The vendor and the engine: a limit that is misread breaks the first promise of the product.
    ("OPSWAT_RATE_LIMIT", "0/60"),
    ("OPSWAT_RATE_LIMIT", "10"),
    ("OPSWAT_RATE_LIMIT", "2.5/60"),
    ("OPSWAT_RATE_LIMIT", "10/60/1"),
    ("OPSWAT_RATE_LIMIT", "10 per minute"),
    ("OPSWAT_RATE_LIMIT", "1e1/60"),
    ("OPSWAT_MAX_DEVICES", "0"),
    ("OPSWAT_MAX_DEVICES", "-3"),
    ("OPSWAT_MAX_DEVICES", "50.5"),
    ("OPSWAT_MAX_DEVICES", "many"),
    ("OPSWAT_TIMEOUT", "0/0"),
    ("OPSWAT_TIMEOUT", "60"),
    ("OPSWAT_TIMEOUT", "5/100000"),
    ("OPSWAT_ACTION_VERSION", "v9"),
    ("OPSWAT_BASE_URL", "https://evil.example.com"),
    ("OPSWAT_ALLOWED_HOSTS", "*"),
    ("ENGINE_RESERVE", "10"),
    ("ENGINE_RESERVE", "-5"),
    ("ENGINE_RESERVE", "abc"),
    ("ENGINE_IN_FLIGHT", "0"),
    ("ENGINE_IN_FLIGHT", "1000"),
    ("ENGINE_URGENT_WAIT", "-10"),
    ("ENGINE_URGENT_WAIT", "nan"),
    ("ENGINE_URGENT_WAIT", "inf"),
    ("ENGINE_VERIFY_AFTER", "-1"),
    ("ENGINE_VERIFY_AFTER", "nan"),
    ("ENGINE_VERIFY_AFTER", "1e12"),
    ("ENGINE_VERIFY_AFTER", "999999999999"),
    ("ENGINE_RUN_SECONDS", "0"),
    ("ENGINE_RUN_SECONDS", "-30"),
    ("ENGINE_RUN_SECONDS", "nan"),
    ("ENGINE_RUN_SECONDS", "1e9"),
    ("ENGINE_MAX_IDLE_SECONDS", "-1"),
    ("ENGINE_MAX_IDLE_SECONDS", "nan"),
    ("ENGINE_GRACE_SECONDS", "-100"),
    ("ENGINE_GRACE_SECONDS", "0"),
    ("BUDGETS_PER_MINUTE", "[]"),
    ("BUDGETS_PER_MINUTE", '{"polls": 0}'),
    ("STOP_SECONDS", "a minute"),
    # The inventory.
    ("INVENTORY_CHANGES_MINUTES", "-5"),
    ("INVENTORY_NEW_MINUTES", "nan"),
    ("INVENTORY_FULL_READ_HOURS", "-1"),
    ("INVENTORY_FULL_READ_HOURS", "1e20"),
    ("INVENTORY_REFRESH_CALLS", "-1"),
    ("INVENTORY_FRESH_HOURS", "-24"),
    ("INVENTORY_FRESH_HOURS", "nan"),
    # The trail.
    ("AUDIT_KEYS", "short:abc"),
    ("AUDIT_KEYS", "a b c"),
    ("AUDIT_KEEP_DAYS", "-1"),
    ("AUDIT_KEEP_DAYS", "1.5"),
    ("AUDIT_KEEP_DAYS", "99999999999"),
    ("AUDIT_STREAM_TO", "ftp://x"),
    ("AUDIT_STREAM_TO", "https://h/p"),  # Without AUDIT_STREAM_SECRET.
    ("AUDIT_STREAM_CA", "/does/not/exist"),
    # Agent logs: units must not be dropped.
    ("AGENT_LOG_FIRST_POLL", "-1"),
    ("AGENT_LOG_FIRST_POLL", "0"),
    ("AGENT_LOG_MAX_INTERVAL", "-1"),
    ("AGENT_LOG_DEADLINE_HOURS", "-1"),
    ("AGENT_LOG_DEADLINE_HOURS", "1e9"),
    ("AGENT_LOG_KEEP_DAYS", "-1"),
    ("AGENT_LOG_KEEP_DAYS", "0"),
    ("AGENT_LOG_KEEP_DAYS", "1e9"),
    ("AGENT_LOG_KEEP_DAYS", "99999999999"),
    ("AGENT_LOG_KEEP_DAYS", "6 months"),
    ("AGENT_LOG_KEEP_DAYS", "2w"),
    ("AGENT_LOG_KEEP_DAYS", "1,000"),
    ("AGENT_LOG_KEEP_DAYS", "1e3"),
    ("AGENT_LOG_KEEP_DAYS", "5min"),
    ("AGENT_LOG_KEEP_DAYS", "0x10"),
    ("AGENT_LOG_KEEP_DAYS", "٣٠"),
    ("AGENT_LOG_MAX_MB", "0"),
    ("AGENT_LOG_MAX_MB", "-1"),
    ("AGENT_LOG_MAX_MB", "99999999"),
    ("AGENT_LOG_STORAGE", "{bad"),
    ("AGENT_LOG_STORAGE", '{"BACKEND":"no.such.Backend"}'),
    ("AGENT_LOG_STORAGE", '{"OPTIONS": {}}'),
    ("AGENT_LOG_STORAGE", "[]"),
    ("AGENT_LOG_STORAGE", "5"),
    # Addresses.
    ("DATABASE_URL", "mysql://a:b@c/d"),
    ("DATABASE_URL", "postgres://"),
    ("DATABASE_URL", "sqlite:///relative.db"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "postgres://u:p@h:port/db"),
    ("DATABASE_URL", "postgres://u:p@h:99999/db"),
    ("DATABASE_URL", "postgresql+psycopg://u:p@h/db"),
    ("REDIS_URL", "http://x"),
    ("REDIS_URL", "localhost:6379"),
    ("REDIS_URL", "redis://h:port/0"),
    ("REDIS_URL", "unix://"),
    # The web.
    ("ALLOWED_HOSTS", "https://console.example.com"),
    ("ALLOWED_HOSTS", "console.example.com:8000"),
    ("ALLOWED_PORTS", "abc"),
    ("HTTPS", "maybe"),
    ("HTTPS", "ture"),
    ("BEHIND_PROXY", "ture"),
    ("BEHIND_PROXY", "-1"),
    ("PROXY_NETWORKS", "10.0.0.1/8"),
    ("PROXY_NETWORKS", "0.0.0.0/0"),
    ("DEBUG", "ja"),
    ("SESSION_HOURS", "1e30"),
    ("SESSION_IDLE_MINUTES", "0"),
    ("SECRET_KEY", "x"),
    ("SECRET_KEY", "A" * 40),
    ("LOG_LEVEL", "VERBOSE"),
    ("LOG_LEVEL", "LOUD"),
    # Files.
    ("SECRET_KEY_FILE", "/does/not/exist"),
    ("OPSWAT_CLIENT_SECRET_FILE", "/does/not/exist"),
    ("AUDIT_KEYS_FILE", "/does/not/exist"),
    ("DATABASE_URL_FILE", "/etc/shadow-none"),
    ("OPSWAT_RATE_LIMIT_FILE", "/etc/hostname"),
    ("DATA_DIR", "/proc/none"),
    ("DATA_DIR", "/etc/hostname"),
    # Names.
    ("OPSWAT_CLIENT_ID", "me"),  # Without the secret.
    ("OPSWAT_CLIENT_ID_", "x"),
    ("OPSWAT_RATELIMIT", "10/60"),
    ("ENGINE_RESERVED", "1"),
    ("ALLOWED_HOST", "console.example.com"),
    ("SESSION_HOUR", "8"),
    ("ENGINE_NAP_SECONDS", "1"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=[f"{n}={v}" for n, v in REFUSED])
def test_m2_a_wrong_value_is_refused_by_its_name(load: Load, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        load(**{name: value})

    assert "_".join(name.split("_")[:2]) in str(refusal.value)


PUBLIC = REAL | {
    "ALLOWED_HOSTS": "console.example.com",
    "SECRET_KEY": "k3y-" + "q9Zr" * 3 + "xW7_tLpA5sDfGhJ2bNm8",
}

MEANS: list[tuple[str, str, Any]] = [
    ("OPSWAT_RATE_LIMIT", "10/0.0001", (10.0, 0.0001)),
    ("OPSWAT_RATE_LIMIT", "1000/1", (1000.0, 1.0)),
    ("OPSWAT_MAX_DEVICES", "999", 999),
    ("OPSWAT_MAX_DEVICES", " 20 ", 20),
    ("ENGINE_RESERVE", "", 0),
    ("ENGINE_URGENT_WAIT", "2.5", 2.5),
    ("INVENTORY_CHANGES_MINUTES", "0.001", 0.001),
    ("INVENTORY_CHANGES_MINUTES", "0", 0.0),
    ("AGENT_LOG_KEEP_DAYS", "180", 180.0),
    ("HTTPS", "off", False),
    ("HTTPS", "TRUE", True),
    ("BEHIND_PROXY", "1", 1),
    ("BEHIND_PROXY", "yes", 1),
    ("LOG_LEVEL", "debug", "DEBUG"),
    ("REDIS_URL", "rediss://h/0", "rediss://h/0"),
    ("REDIS_URL", "redis://:pa%2Fss@h:6379/0", "redis://:pa%2Fss@h:6379/0"),
    ("ALLOWED_PORTS", "8443, 9443", ["8443", "9443"]),
    ("PASSWORD_WORDS", "acme, corp", ["acme", "corp"]),
    ("AUDIT_STREAM_TO", "syslog+tls://nohost", ["syslog+tls://nohost"]),
]


@pytest.mark.parametrize(("name", "value", "meaning"), MEANS, ids=[f"{n}={v}" for n, v, _ in MEANS])
def test_m1_a_good_value_means_what_it_says(
    load: Load, name: str, value: str, meaning: object
) -> None:
    found = load(**{name: value})

    if name == "LOG_LEVEL":
        assert found["LOGGING"]["root"]["level"] == meaning
    else:
        assert found[name] == meaning


PASSWORDS = ["pa/ss", "pa?ss", "p#w", "p@ss", "p:w", "p%w", "p w", "ä€", "$abc$def"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_m2_a_password_may_contain_any_character(load: Load, password: str) -> None:
    database = load(**REAL, DATABASE_URL=f"postgres://u:{password}@db:5433/console?sslmode=require")
    config = database["DATABASES"]["default"]

    assert (config["USER"], config["PASSWORD"]) == ("u", password)
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db", "5433", "console")
    assert config["OPTIONS"]["sslmode"] == "require"


def test_a_password_may_be_percent_encoded_and_the_host_may_be_a_socket(load: Load) -> None:
    url = "postgres://u:pa%2Fss@/name?host=/var/run/postgresql"
    config = load(**REAL, DATABASE_URL=url)["DATABASES"]["default"]

    assert (config["PASSWORD"], config["HOST"]) == ("pa/ss", "/var/run/postgresql")


def test_m2_a_secret_key_of_blanks_is_none(load: Load) -> None:
    own = load()["SECRET_KEY"]

    assert len(own) > 40
    assert load(SECRET_KEY="   ")["SECRET_KEY"] == own


@pytest.mark.parametrize("hosts", ["", "*"])
def test_only_the_simulation_runs_for_any_host(load: Load, hosts: str) -> None:
    assert load(ALLOWED_HOSTS=hosts)
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS"):
        load(**(PUBLIC | {"ALLOWED_HOSTS": hosts}))


def test_https_cannot_be_off_where_others_reach_the_console(load: Load) -> None:
    with pytest.raises(ImproperlyConfigured, match="HTTPS"):
        load(**PUBLIC, HTTPS="0")


DOT_ENV = {
    f"OPSWAT_CLIENT_SECRET = {SECRET}": ("OPSWAT_CLIENT_SECRET", SECRET),
    f"export OPSWAT_CLIENT_SECRET='{SECRET}'": ("OPSWAT_CLIENT_SECRET", SECRET),
    "OPSWAT_CLIENT_SECRET=$abc$def": ("OPSWAT_CLIENT_SECRET", "$abc$def"),
    'OPSWAT_CLIENT_SECRET="${HOME}"': ("OPSWAT_CLIENT_SECRET", "${HOME}"),
    "ENGINE_RESERVE=4 # four": ("ENGINE_RESERVE", 4),
    "ENGINE_RESERVE=": ("ENGINE_RESERVE", 0),
    "\ufeffENGINE_RESERVE=3": ("ENGINE_RESERVE", 3),
}


@pytest.mark.parametrize(("line", "meaning"), DOT_ENV.items(), ids=DOT_ENV.keys())
def test_m2_a_line_of_dot_env(tmp_path: Path, line: str, meaning: tuple[str, Any]) -> None:
    from dashboard.environment import Environment

    path = tmp_path / ".env"
    path.write_text(f"{line}\n# A comment\n", encoding="utf-8")
    env = Environment({}, path)

    name, value = meaning
    found = env.text(name) if isinstance(value, str) else env.whole(name, 0, 0, 9)
    assert found == value


def test_m2_an_error_never_quotes_a_value(load: Load) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "AUDIT_KEYS", "OPSWAT_RATE_LIMIT", "LOG_LEVEL"):
        with pytest.raises(ImproperlyConfigured) as refusal:
            load(**{name: f"{SECRET}://u:{SECRET}@h:{SECRET}/x"})
        assert SECRET not in str(refusal.value)


def test_dot_env_example_names_every_setting_and_no_other(load: Load) -> None:
    known = load()["env"].known
    text = (Path(module.__file__).parents[1] / ".env.example").read_text(encoding="utf-8")
    named = {
        line.removeprefix("# ").partition("=")[0]
        for line in text.splitlines()
        if line.startswith("# ") and line[2:].partition("=")[0].isupper() and "=" in line
    }

    assert named - {"READ_DOT_ENV"} == known - set(module.RENAMED)
