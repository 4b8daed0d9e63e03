"""Every setting of the console, read from the environment or from `.env`, in this one file.

`.env.example` documents each of them. A secret may also come from a file: `NAME_FILE=/path`.
"""

import hashlib
import json
import math
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from actions.trail.chain import read_keys

BASE_DIR = Path(__file__).resolve().parent.parent


class _Env(environ.FileAwareEnv):  # type: ignore[misc]  # The package has no types.
    """The environment; a value of the wrong form is told by its name."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> object:
        """Read one value; raises ImproperlyConfigured without it, for it may be secret."""
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError:
            raise ImproperlyConfigured(f"{var} has a wrong form: see .env.example.") from None
        except OSError as error:
            raise ImproperlyConfigured(f"The file of {var}: {error.strerror}.") from None


env = _Env()
if os.environ.get("READ_DOT_ENV", "1") == "1":
    env.read_env(BASE_DIR / ".env")

RENAMED = {
    "ENGINE_NAP_SECONDS": "ENGINE_MAX_IDLE_SECONDS",
    "ENGINE_PUMP_SECONDS": "ENGINE_RUN_SECONDS",
    "ENGINE_CONFIRM_AFTER": "ENGINE_VERIFY_AFTER",
    "INVENTORY_LOOK_CALLS": "INVENTORY_REFRESH_CALLS",
    "INVENTORY_SWEEP_HOURS": "INVENTORY_FULL_READ_HOURS",
    "AGENT_LOG_FIRST_LOOK": "AGENT_LOG_FIRST_POLL",
    "AGENT_LOG_LONGEST_PAUSE": "AGENT_LOG_MAX_INTERVAL",
}
"""Settings by the names that earlier versions gave them, each with its present name."""

for _old, _new in RENAMED.items():
    # Ignoring the old name would start the console with a default in place of the chosen value.
    if _old in os.environ or f"{_old}_FILE" in os.environ:
        raise ImproperlyConfigured(f"{_old} was renamed: set {_new} instead. See .env.example.")

# ── Where a running installation keeps its files ────────────────────────────────────────────────

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)


def _own_secret(name: str) -> str:
    """A random secret of this installation, made once and kept in the data folder."""
    path = DATA_DIR / name
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text := secrets.token_urlsafe(50))
    return text


SECRET_KEY = env.str("SECRET_KEY", default="") or _own_secret("secret_key")
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "testserver"}
HTTPS = env.bool("HTTPS", default=not LOOPBACK.issuperset(ALLOWED_HOSTS))
"""Cookies demand https unless the console only listens to this machine."""

# ── The vendor ──────────────────────────────────────────────────────────────────────────────────


def _pair(name: str, default: str) -> tuple[float, float]:
    """Two positive numbers written as `a/b`."""
    text = env.str(name, default=default)
    try:
        first, second = (float(part) for part in text.split("/"))
    except ValueError:
        first = second = 0.0
    if not (0 < first < math.inf and 0 < second < math.inf):
        raise ImproperlyConfigured(f"{name}={text!r}: write two positive numbers, as {default}.")
    return first, second


SIMULATOR_FILE = DATA_DIR / "simulator.json"
OPSWAT_CLIENT_ID = env.str("OPSWAT_CLIENT_ID", default="")
OPSWAT_CLIENT_SECRET = env.str("OPSWAT_CLIENT_SECRET", default="")
OPSWAT_BASE_URL = env.str("OPSWAT_BASE_URL", default="")
SIMULATED = not (OPSWAT_CLIENT_ID or OPSWAT_CLIENT_SECRET or OPSWAT_BASE_URL)
if SIMULATED and SIMULATOR_FILE.exists():
    # The simulator that `manage.py up` started, so that commands in another terminal find it.
    _simulator: dict[str, str] = json.loads(SIMULATOR_FILE.read_text(encoding="ascii"))
    OPSWAT_CLIENT_ID = _simulator["client_id"]
    OPSWAT_CLIENT_SECRET = _simulator["client_secret"]
    OPSWAT_BASE_URL = _simulator["base_url"]
if not OPSWAT_BASE_URL:
    # Without credentials nothing may ever go to the real vendor: this port answers nobody.
    OPSWAT_BASE_URL = "http://127.0.0.1:9" if SIMULATED else "https://gears.opswat.com"
OPSWAT_ALLOWED_HOSTS: list[str] = env.list("OPSWAT_ALLOWED_HOSTS", default=[])
OPSWAT_ACTION_VERSION = env.str("OPSWAT_ACTION_VERSION", default="v3.1")
OPSWAT_RATE_LIMIT = _pair("OPSWAT_RATE_LIMIT", "10/60")
OPSWAT_MAX_DEVICES = env.int("OPSWAT_MAX_DEVICES", default=50)
OPSWAT_TIMEOUT = _pair("OPSWAT_TIMEOUT", "5/60")

# ── The engine ──────────────────────────────────────────────────────────────────────────────────

ENGINE_IN_FLIGHT = env.int("ENGINE_IN_FLIGHT", default=4)
ENGINE_RESERVE = env.int("ENGINE_RESERVE", default=0)
ENGINE_URGENT_WAIT = env.float("ENGINE_URGENT_WAIT", default=10.0)
ENGINE_VERIFY_AFTER = env.float("ENGINE_VERIFY_AFTER", default=60.0)
ENGINE_RUN_SECONDS = env.float("ENGINE_RUN_SECONDS", default=30.0)
ENGINE_MAX_IDLE_SECONDS = env.float("ENGINE_MAX_IDLE_SECONDS", default=5.0)
ENGINE_GRACE_SECONDS = env.float("ENGINE_GRACE_SECONDS", default=10.0)

# ── The inventory ───────────────────────────────────────────────────────────────────────────────

INVENTORY_CHANGES_MINUTES = env.float("INVENTORY_CHANGES_MINUTES", default=5.0)
INVENTORY_NEW_MINUTES = env.float("INVENTORY_NEW_MINUTES", default=10.0)
INVENTORY_FULL_READ_HOURS = env.float("INVENTORY_FULL_READ_HOURS", default=20.0)
INVENTORY_REFRESH_CALLS = env.int("INVENTORY_REFRESH_CALLS", default=4)
INVENTORY_FRESH_HOURS = env.float("INVENTORY_FRESH_HOURS", default=24.0)

# ── The audit trail ─────────────────────────────────────────────────────────────────────────────

try:
    AUDIT_KEYS = read_keys(env.list("AUDIT_KEYS", default=[]), SECRET_KEY)
except ValueError as _error:
    raise ImproperlyConfigured(f"AUDIT_KEYS: {_error}.") from None
AUDIT_ANCHORS_FILE = DATA_DIR / "audit-anchors.jsonl"
AUDIT_EXPORT_DIR = DATA_DIR / "audit-exports"
AUDIT_ARCHIVE_DIR = DATA_DIR / "audit-archive"
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", default=0)
AUDIT_STREAM_TO: list[str] = env.list("AUDIT_STREAM_TO", default=[])
AUDIT_STREAM_SECRET = env.str("AUDIT_STREAM_SECRET", default="")
AUDIT_STREAM_CA = env.str("AUDIT_STREAM_CA", default="")

# ── Agent logs ──────────────────────────────────────────────────────────────────────────────────

AGENT_LOG_FIRST_POLL = env.float("AGENT_LOG_FIRST_POLL", default=60.0)
AGENT_LOG_MAX_INTERVAL = env.float("AGENT_LOG_MAX_INTERVAL", default=1800.0)
AGENT_LOG_DEADLINE_HOURS = env.float("AGENT_LOG_DEADLINE_HOURS", default=24.0)
AGENT_LOG_KEEP_DAYS = env.float("AGENT_LOG_KEEP_DAYS", default=30.0)
AGENT_LOG_MAX_MB = env.int("AGENT_LOG_MAX_MB", default=512)
AGENT_LOG_FOLDER = DATA_DIR / "agent-logs"
AGENT_LOG_INCOMING = DATA_DIR / "agent-logs-incoming"


def _agent_log_storage() -> dict[str, Any]:
    """Where the files lie: a private folder, or the storage of Django that is named as JSON."""
    given: dict[str, Any] = env.json("AGENT_LOG_STORAGE", default={})
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
    "dashboard.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.middleware.HtmxLoginMiddleware",
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
    """The database by URL, with what each of the two needs to be safe with many processes."""
    # The simulator's fleet and a real one never meet in one file.
    name = "simulator.sqlite3" if SIMULATED else "console.sqlite3"
    default = f"sqlite:///{DATA_DIR / name}"
    if not env.str("DATABASE_URL", default=default).startswith(
        ("sqlite:///", "postgres://", "postgresql://")
    ):
        raise ImproperlyConfigured("DATABASE_URL must begin with sqlite:/// or postgres://.")
    config: dict[str, Any] = env.db_url("DATABASE_URL", default=default)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: the ledger's row must be on the disk before a byte leaves for the vendor.
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-65536;"
            ),
        }
    return config


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# ── Redis and Celery ────────────────────────────────────────────────────────────────────────────

REDIS_SOCKET = DATA_DIR / "redis" / "redis.sock"
if len(os.fsencode(REDIS_SOCKET)) > 100:
    # The kernel takes at most 107 bytes for a socket's path.
    _short = f"console-{hashlib.sha256(os.fsencode(DATA_DIR)).hexdigest()[:16]}"
    REDIS_SOCKET = Path(tempfile.gettempdir()) / _short / "redis.sock"
REDIS_URL = env.str("REDIS_URL", default="")
OWN_REDIS = not REDIS_URL
if OWN_REDIS:
    REDIS_URL = f"unix://{REDIS_SOCKET}"

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Without these a half-open connection hangs for ever.
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "socket_keepalive": not OWN_REDIS,
    "health_check_interval": 25,
    "visibility_timeout": 600,
    # A hint that cannot be given must not make a person wait: beat repeats it.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Longer than a dispatcher that makes its last call at the end of its time; shorter than a lease.
CELERY_TASK_TIME_LIMIT = ENGINE_RUN_SECONDS + sum(OPSWAT_TIMEOUT) + ENGINE_GRACE_SECONDS
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Nobody commands workers through Redis; and closing that mailbox while Redis is away ends a worker.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "dispatch": {"task": "actions.dispatch", "schedule": 2.0, "options": {"expires": 30}},
    "sweep": {"task": "actions.sweep", "schedule": 15.0, "options": {"expires": 30}},
    "inventory": {"task": "actions.keep_inventory", "schedule": 30.0, "options": {"expires": 30}},
    "audit": {"task": "actions.audit", "schedule": 30.0, "options": {"expires": 30}},
    "audit_maintenance": {
        "task": "actions.audit_maintenance",
        "schedule": 5.0,
        "options": {"expires": 30},
    },
}

# ── Files that the browser loads ────────────────────────────────────────────────────────────────

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "agent_logs": _agent_log_storage(),
    "staticfiles": {"BACKEND": "dashboard.storage.StaticFiles"},
}

# ── People ──────────────────────────────────────────────────────────────────────────────────────

AUTH_USER_MODEL = "dashboard.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
ACCOUNT_ADAPTER = "dashboard.access.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = False

# Sign-in limits must count over all processes and outlive Redis, so they live in the database.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "dashboard_cache",
    }
}

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
CSRF_FAILURE_VIEW = "dashboard.views.errors.csrf_failure"

# A selection over many pages comes as one field for each device.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000
# A hundred thousand pasted lines (actions.selections.list_parser.MAX_LINES).
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "dashboard.http.MaxUploadSize",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# ── What a browser is told ──────────────────────────────────────────────────────────────────────

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
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
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # Fixed in code: at DEBUG this library would write the token that the vendor wants in the URL.
    "loggers": {"urllib3": {"level": "WARNING"}},
}
