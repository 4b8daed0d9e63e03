"""All settings of the console, read from the environment or from `.env`.

`.env.example` documents each of them. A secret may also come from a file: `NAME_FILE=/path`.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from actions.trail.keys import new_key_file, read_key_file, read_keys
from dashboard.data_folder import prepare_folder, read_json, redis_socket
from dashboard.environment import (
    DATABASE_FORM,
    REDIS_FORM,
    Environment,
    read_database,
    read_redis,
    sqlite_at,
    whole,
)

BASE_DIR = Path(__file__).resolve().parent.parent

_DAY = 24 * 3600
"""Seconds of a day."""

_LOG_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


env = Environment(
    os.environ, BASE_DIR / ".env" if os.environ.get("READ_DOT_ENV", "1") == "1" else None
)

RENAMED = {
    "ENGINE_NAP_SECONDS": "ENGINE_MAX_IDLE_SECONDS",
    "ENGINE_PUMP_SECONDS": "ENGINE_RUN_SECONDS",
    "ENGINE_CONFIRM_AFTER": "ENGINE_VERIFY_AFTER",
    "INVENTORY_LOOK_CALLS": "INVENTORY_REFRESH_CALLS",
    "INVENTORY_SWEEP_HOURS": "INVENTORY_FULL_READ_HOURS",
    "AGENT_LOG_FIRST_LOOK": "AGENT_LOG_FIRST_POLL",
    "AGENT_LOG_LONGEST_PAUSE": "AGENT_LOG_MAX_INTERVAL",
}
"""Settings by their former names, each with its present name."""

for _old, _new in RENAMED.items():
    # Ignoring the old name would silently replace the chosen value with the default.
    if env.is_set(_old):
        raise ImproperlyConfigured(f"{_old} was renamed: set {_new} instead. See .env.example.")

# ── Data folder, secret key and hosts ───────────────────────────────────────────────────────────

# Every process of the console reads the settings first, whatever starts it.
os.umask(0o077)
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / ".data"))).resolve()
prepare_folder(DATA_DIR)


def _own_secret(name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(50)) -> str:
    """Return a random secret of this installation, created once in the data folder.

    The file appears under its name when it is complete, because several processes may start in
    a new data folder at the same time, and none of them may read an empty secret.
    """
    path = DATA_DIR / name
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=DATA_DIR, encoding="ascii") as draft:  # Mode 600.
            draft.write(make())
            draft.flush()
            os.fsync(draft.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(draft.name)
    return path.read_text(encoding="ascii")


_IS_NEW = not (
    any((DATA_DIR / name).exists() for name in ("secret_key", "audit-anchors.jsonl"))
    or any(os.environ.get(name) for name in ("SECRET_KEY", "SECRET_KEY_FILE", "DATABASE_URL"))
)
"""Whether nothing hints at an installation that signed its trail with a key from SECRET_KEY."""

SECRET_KEY = env.text("SECRET_KEY") or _own_secret("secret_key")
# Separated by blanks, because a key may contain a comma.
SECRET_KEY_FALLBACKS = env.text("SECRET_KEY_FALLBACKS").split()
DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.items("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "testserver"}
PUBLIC = not LOOPBACK.issuperset(ALLOWED_HOSTS)
"""Whether others than this machine can reach the console."""
HTTPS = env.flag("HTTPS", default=PUBLIC)
"""Whether pages and cookies require HTTPS."""

ALLOWED_PORTS = [str(port) for port in env.ports("ALLOWED_PORTS")]

_PROXIES = {"true": 1, "yes": 1, "on": 1, "false": 0, "no": 0, "off": 0}
BEHIND_PROXY = env.parsed(
    "BEHIND_PROXY",
    0,
    lambda text: _PROXIES[text.lower()] if text.lower() in _PROXIES else whole(text, 0, 10),
    "write the number of proxies in front, from 0 to 10",
)
"""How many proxies are in front, whose headers are believed."""
PROXY_NETWORKS = env.networks("PROXY_NETWORKS", ["127.0.0.0/8", "::1/128"])

# ── Vendor ──────────────────────────────────────────────────────────────────────────────────────


SIMULATOR_FILE = DATA_DIR / "simulator.json"
OPSWAT_CLIENT_ID = env.text("OPSWAT_CLIENT_ID")
OPSWAT_CLIENT_SECRET = env.text("OPSWAT_CLIENT_SECRET")
OPSWAT_BASE_URL = env.text("OPSWAT_BASE_URL")
SIMULATED = not (OPSWAT_CLIENT_ID or OPSWAT_CLIENT_SECRET or OPSWAT_BASE_URL)
if SIMULATED and SIMULATOR_FILE.exists():
    # `manage.py up` writes this file, so that commands in other terminals find its simulator.
    _simulator = read_json(SIMULATOR_FILE)
    OPSWAT_CLIENT_ID = _simulator.get("client_id", "")
    OPSWAT_CLIENT_SECRET = _simulator.get("client_secret", "")
    OPSWAT_BASE_URL = _simulator.get("base_url", "")
if not OPSWAT_BASE_URL:
    # Without credentials nothing may reach the real vendor: nothing listens on this port.
    OPSWAT_BASE_URL = "http://127.0.0.1:9" if SIMULATED else "https://gears.opswat.com"
OPSWAT_ALLOWED_HOSTS: list[str] = env.items("OPSWAT_ALLOWED_HOSTS")
OPSWAT_ACTION_VERSION = env.text("OPSWAT_ACTION_VERSION", "v3.1")
OPSWAT_RATE_LIMIT = env.pair("OPSWAT_RATE_LIMIT", "10/60", high=(10_000, 86_400))
OPSWAT_MAX_DEVICES = env.whole("OPSWAT_MAX_DEVICES", 50, 1, 1000)
OPSWAT_TIMEOUT = env.pair("OPSWAT_TIMEOUT", "5/60", high=(60, 600))

# ── Engine ──────────────────────────────────────────────────────────────────────────────────────

ENGINE_IN_FLIGHT = env.whole("ENGINE_IN_FLIGHT", 4, 1, 100)
ENGINE_RESERVE = env.whole("ENGINE_RESERVE", 0, 0, 10000)
ENGINE_URGENT_WAIT = env.number("ENGINE_URGENT_WAIT", 10.0, 0, 3600)
# What one person may ask for in a minute; requests on devices are limited by roles.
BUDGETS_PER_MINUTE: dict[str, int] = {
    "refreshes": 30,
    "polls": 10,
    "exports": 10,
    "selections": 60,
    "uploads": 20,
    **env.mapping("BUDGETS_PER_MINUTE"),
}
ENGINE_VERIFY_AFTER = env.number("ENGINE_VERIFY_AFTER", 60.0, 0, _DAY)
ENGINE_RUN_SECONDS = env.number("ENGINE_RUN_SECONDS", 30.0, 1, 3600)
ENGINE_MAX_IDLE_SECONDS = env.number("ENGINE_MAX_IDLE_SECONDS", 5.0, 0, 600)
ENGINE_GRACE_SECONDS = env.number("ENGINE_GRACE_SECONDS", 10.0, 0.1, 600)
# Longer than a call may take, because a worker that stops finishes the call under way.
STOP_SECONDS = env.number("STOP_SECONDS", sum(OPSWAT_TIMEOUT) + ENGINE_GRACE_SECONDS, 0, 3600)

EPOCH_FILE: Path | None = DATA_DIR / ("epoch-simulator.json" if SIMULATED else "epoch.json")
"""What shows that the database is older than the world (actions.dispatch.epoch)."""

ANSWERS_DIR: Path | None = DATA_DIR / ("answers-simulator" if SIMULATED else "answers")
"""Where the vendor's answers lie until they are stored (actions.dispatch.answers)."""

# ── Inventory ───────────────────────────────────────────────────────────────────────────────────

INVENTORY_CHANGES_MINUTES = env.number("INVENTORY_CHANGES_MINUTES", 5.0, 0, 7 * 24 * 60)
INVENTORY_NEW_MINUTES = env.number("INVENTORY_NEW_MINUTES", 10.0, 0, 7 * 24 * 60)
INVENTORY_FULL_READ_HOURS = env.number("INVENTORY_FULL_READ_HOURS", 20.0, 0, 366 * 24)
INVENTORY_REFRESH_CALLS = env.whole("INVENTORY_REFRESH_CALLS", 4, 0, 1000)
INVENTORY_FRESH_HOURS = env.number("INVENTORY_FRESH_HOURS", 24.0, 0, 366 * 24)

# ── Audit trail ─────────────────────────────────────────────────────────────────────────────────


def _audit_key_file() -> dict[str, bytes]:
    """Return the keys of DATA_DIR/audit_keys, created at the first start."""
    # An installation that is upgraded with a new SECRET_KEY has signed with the one before.
    former = "" if _IS_NEW else (SECRET_KEY_FALLBACKS or [SECRET_KEY])[0]
    _own_secret("audit_keys", lambda: new_key_file(former))
    try:
        return read_key_file(DATA_DIR / "audit_keys")
    except ValueError as error:
        raise ImproperlyConfigured(f"The file audit_keys in DATA_DIR: {error}.") from None


AUDIT_OWN_KEYS = _audit_key_file()
AUDIT_INSTALLATION = next(iter(AUDIT_OWN_KEYS))
"""The id of the own key also names this installation, in its anchors."""

try:
    AUDIT_KEYS = read_keys(env.items("AUDIT_KEYS"), AUDIT_OWN_KEYS)
except ValueError as _error:
    raise ImproperlyConfigured(f"AUDIT_KEYS: {_error}.") from None
# As with the database, the simulator's anchors never mix with those of a real fleet.
AUDIT_ANCHORS_FILE = DATA_DIR / (
    "audit-anchors-simulator.jsonl" if SIMULATED else "audit-anchors.jsonl"
)
AUDIT_LOST_FILE = DATA_DIR / ("audit-lost-simulator.jsonl" if SIMULATED else "audit-lost.jsonl")
"""Anchors of lines that a restored database has lost."""
AUDIT_EXPORT_DIR = DATA_DIR / "audit-exports"
AUDIT_ARCHIVE_DIR = DATA_DIR / "audit-archive"
AUDIT_KEEP_DAYS = env.whole("AUDIT_KEEP_DAYS", 0, 0, 36500)
AUDIT_ARCHIVE_KEEP_DAYS = env.whole("AUDIT_ARCHIVE_KEEP_DAYS", 0, 0, 36500)
AUDIT_JOBS_KEEP_DAYS = env.whole("AUDIT_JOBS_KEEP_DAYS", 400, 0, 36500)
AUDIT_STREAM_TO: list[str] = env.items("AUDIT_STREAM_TO")
AUDIT_STREAM_SECRET = env.text("AUDIT_STREAM_SECRET")
AUDIT_STREAM_CA = env.text("AUDIT_STREAM_CA")

# ── Retention and room ──────────────────────────────────────────────────────────────────────────

REQUESTS_KEEP_DAYS = env.whole("REQUESTS_KEEP_DAYS", 400, 0, 36500)
CALLS_KEEP_DAYS = env.whole("CALLS_KEEP_DAYS", 400, 0, 36500)
GONE_DEVICES_KEEP_DAYS = env.whole("GONE_DEVICES_KEEP_DAYS", 0, 0, 36500)
MIN_FREE_DISK_MB = env.whole("MIN_FREE_DISK_MB", 500, 0, 10_000_000)

# ── Agent logs ──────────────────────────────────────────────────────────────────────────────────

AGENT_LOG_FIRST_POLL = env.number("AGENT_LOG_FIRST_POLL", 60.0, 0.1, _DAY)
AGENT_LOG_MAX_INTERVAL = env.number("AGENT_LOG_MAX_INTERVAL", 1800.0, 0.1, _DAY)
AGENT_LOG_DEADLINE_HOURS = env.number("AGENT_LOG_DEADLINE_HOURS", 24.0, 0.01, 366 * 24)
AGENT_LOG_KEEP_DAYS = env.number("AGENT_LOG_KEEP_DAYS", 30.0, 0.01, 36500)
AGENT_LOG_MAX_MB = env.whole("AGENT_LOG_MAX_MB", 512, 1, 10240)
AGENT_LOG_TOTAL_MB = env.whole("AGENT_LOG_TOTAL_MB", 10240, 0, 10_000_000)
AGENT_LOG_FOLDER = DATA_DIR / "agent-logs"
AGENT_LOG_INCOMING = DATA_DIR / "agent-logs-incoming"


def _agent_log_storage() -> dict[str, Any]:
    """Return the storage that AGENT_LOG_STORAGE describes as JSON, or a private folder."""
    given: dict[str, Any] = env.mapping("AGENT_LOG_STORAGE")
    if given:
        return given
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": AGENT_LOG_FOLDER,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


SHARED_STORAGE = bool(env.mapping("AGENT_LOG_STORAGE"))
"""Whether the storage may be shared by several hosts: exports and archives then go there too."""

# ── Django ──────────────────────────────────────────────────────────────────────────────────────

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "allauth",
    "allauth.account",
    "csp",
    "actions",
    "dashboard",
]

MIDDLEWARE = [
    "dashboard.views.health.HealthMiddleware",
    "dashboard.middleware.RequestIdMiddleware",
    "dashboard.refusal_lines.RefusalLineMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.middleware.CanonicalHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "dashboard.middleware.SessionEndMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.CrossSiteMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.middleware.SignInRedirectMiddleware",
    "dashboard.middleware.LimitsMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context_processors.console",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    """Read DATABASE_URL; add the options with which SQLite is safe for many processes."""
    # Two files, so that the fleet of the simulator never mixes with a real one.
    own = DATA_DIR / ("simulator.sqlite3" if SIMULATED else "console.sqlite3")
    config = env.parsed("DATABASE_URL", sqlite_at(own), read_database, DATABASE_FORM)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: the row of a call must be on disk before the call is sent.
            "init_command": (
                # Only a new file heeds the first one; see `manage.py compact`.
                "PRAGMA auto_vacuum=INCREMENTAL;"
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-65536;"
            ),
        }
    else:
        _limit(config["OPTIONS"])
    return config


def _limit(options: dict[str, Any]) -> None:
    """Give each connection to PostgreSQL its time-outs; options in DATABASE_URL come after ours."""
    seconds = {
        "statement_timeout": DATABASE_STATEMENT_SECONDS,
        "lock_timeout": DATABASE_LOCK_SECONDS,
        "idle_in_transaction_session_timeout": DATABASE_IDLE_SECONDS,
    }
    ours = " ".join(f"-c {name}={int(1000 * value)}" for name, value in seconds.items())
    options["options"] = f"{ours} {options.get('options', '')}".strip()
    options.setdefault("connect_timeout", DATABASE_CONNECT_SECONDS)
    options.setdefault("application_name", "console")
    # A server that vanished is noticed within a minute, not after hours.
    options |= {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3} | options


DATABASE_CONNECT_SECONDS = env.whole("DATABASE_CONNECT_SECONDS", 10, 2, 60)
DATABASE_STATEMENT_SECONDS = env.number("DATABASE_STATEMENT_SECONDS", 60.0, 1, 3600)
DATABASE_LOCK_SECONDS = env.number("DATABASE_LOCK_SECONDS", 10.0, 0.1, 600)
DATABASE_IDLE_SECONDS = env.number("DATABASE_IDLE_SECONDS", 60.0, 1, 3600)

DATABASES = {"default": _database()}
SERVES_DATABASE = True
"""Whether the web process checks its database at the start and shares its connections."""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# ── Redis and Celery ────────────────────────────────────────────────────────────────────────────

REDIS_URL = env.parsed("REDIS_URL", "", read_redis, REDIS_FORM)
OWN_REDIS = not REDIS_URL
if OWN_REDIS:
    REDIS_SOCKET = redis_socket(DATA_DIR)
    REDIS_URL = f"unix://{REDIS_SOCKET}"

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # A worker waits for Redis, however long it takes.
# So does it when Redis answers with an error: a full disk, or a replica that takes no writes.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Without timeouts a half-open connection blocks indefinitely.
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "socket_keepalive": not OWN_REDIS,
    "health_check_interval": 25,
    "visibility_timeout": 600,
    # A failed hint must not delay a response: the ticker repeats it.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Longer than a dispatcher whose last call starts at the end of its run; shorter than a lease.
CELERY_TASK_TIME_LIMIT = ENGINE_RUN_SECONDS + sum(OPSWAT_TIMEOUT) + ENGINE_GRACE_SECONDS
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Unused, and closing its mailbox while Redis is unavailable would end a worker.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TIMEZONE = "UTC"
# ── Static and stored files ─────────────────────────────────────────────────────────────────────

FILE_UPLOAD_PERMISSIONS = 0o600  # Of all files that storages write; Django's default is 644.
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "agent_logs": _agent_log_storage(),
    "staticfiles": {"BACKEND": "dashboard.storage.StaticFiles"},
}

# ── Limits of the web server (dashboard.server) ─────────────────────────────────────────────────

WEB_HEAD_SECONDS = env.number("WEB_HEAD_SECONDS", 10.0, 0.1, 600)
WEB_BODY_SECONDS = env.number("WEB_BODY_SECONDS", 60.0, 0.1, 3600)
WEB_CONNECTIONS = env.whole("WEB_CONNECTIONS", 1000, 1, 100000)
WEB_CONNECTIONS_PER_ADDRESS = env.whole("WEB_CONNECTIONS_PER_ADDRESS", 500, 1, 100000)
WEB_REQUESTS = env.whole("WEB_REQUESTS", 20, 1, 1000)
WEB_WAIT_SECONDS = env.number("WEB_WAIT_SECONDS", 20.0, 0, 600)
WEB_PASSWORD_CHECKS = env.whole("WEB_PASSWORD_CHECKS", 2, 1, 100)
WEB_STREAMS_PER_PERSON = env.whole("WEB_STREAMS_PER_PERSON", 30, 1, 10000)

# ── Users, sign-in and sessions ─────────────────────────────────────────────────────────────────

AUTH_USER_MODEL = "dashboard.User"
AUTHENTICATION_BACKENDS = ["dashboard.sign_in.backend.SignInBackend"]
PASSWORD_HASHERS = ["dashboard.password_hasher.BoundedArgon2"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "dashboard.sign_in.passwords.RepetitionValidator"},
    {"NAME": "dashboard.sign_in.passwords.ContextValidator"},
]
PASSWORD_WORDS: list[str] = env.items("PASSWORD_WORDS")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_ADAPTER = "dashboard.access.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = False
# dashboard.sign_in.guard counts instead: allauth's counters depend on the Host header, and the
# cache that holds them drops rows when it is full.
ACCOUNT_RATE_LIMITS = False

# In the database, so that it is shared by all processes. Nothing that guards may use it: it drops
# rows when it is full.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "dashboard_cache",
    }
}

SESSION_HOURS = env.number("SESSION_HOURS", 12.0, 0.01, 366 * 24)
SESSION_IDLE_MINUTES = env.number("SESSION_IDLE_MINUTES", 30.0, 0.01, 366 * 24 * 60)
SESSION_ENGINE = "dashboard.session_store"
SESSION_COOKIE_AGE = max(60, int(SESSION_HOURS * 3600))
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
DEVICE_COOKIE_NAME = "__Host-device" if HTTPS else "device"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_FAILURE_VIEW = "dashboard.views.errors.csrf_failure"

# A selection across many pages is posted as one field for each device.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000
# Enough for 100,000 pasted lines (actions.selections.list_parser.MAX_LINES).
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

# ── HTTP security headers ───────────────────────────────────────────────────────────────────────

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
# A day at first: a browser that has seen this header refuses plain http for so long, whatever is
# changed here. The two options also bind other hosts, so nobody gets them without asking.
_HSTS_SECONDS = env.whole("HSTS_SECONDS", _DAY, 0, 10 * 366 * _DAY)
SECURE_HSTS_SECONDS = _HSTS_SECONDS if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.flag("HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # They demand these two options.
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "dashboard.error_pages.SettingsFilter"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# ── Logs ────────────────────────────────────────────────────────────────────────────────────────

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "dashboard.log_formatter.OneLine"}},
    "filters": {"repeats": {"()": "dashboard.log_formatter.Repeats"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["repeats"],
        }
    },
    "root": {"handlers": ["console"], "level": env.one_of("LOG_LEVEL", "INFO", _LOG_LEVELS)},
    # Fixed: at DEBUG urllib3 would log the access token, which the vendor expects in the URL.
    "loggers": {"urllib3": {"level": "WARNING"}},
}

# Last: all settings have been read, so any other name that looks like one is a mistake.
env.refuse_unknown({"DJANGO_SETTINGS_MODULE", "READ_DOT_ENV"})
