"""Reads settings strictly: each has a form and a range, and an error never quotes the value.

A value that is misread without a word is worse than none: "6 months" must not become 6 days, and a
rate limit must not become a higher one.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values

T = TypeVar("T")

OURS = ("OPSWAT_", "ENGINE_", "INVENTORY_", "AUDIT_", "AGENT_LOG_", "HSTS_")
"""Beginnings of names that only this console uses: an unknown name is an error."""

ALIKE = 0.88
"""How alike another name must be to one of ours to count as misspelt, from 0 to 1."""

YES, NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_POSTGRES = re.compile(
    r"(?:postgres|postgresql)://"
    r"(?:(?P<user>[^:@/]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[^\]/?#@]*\]|[^:/?#@\[\]]*)(?::(?P<port>[0-9]+))?"
    r"/(?P<name>[^/?#@]+)(?:\?(?P<query>[^@#]*))?",
    re.DOTALL,
)


class Environment:
    """The variables of the environment and of a `.env` file; the environment wins.

    Each method reads one setting: `NAME`, or the content of the file that `NAME_FILE` names. A
    setting that is missing or blank has its default. All raise ImproperlyConfigured.
    """

    def __init__(self, variables: Mapping[str, str], dot_env: Path | None = None) -> None:
        self._variables = {**_read_file(dot_env), **variables} if dot_env else dict(variables)
        self.known: set[str] = set()

    def text(self, name: str, default: str = "") -> str:
        """Read a text; blanks around it do not count."""
        return self._find(name) or default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Read a whole number from `low` to `high`."""
        return int(self._number(name, default, low, high, whole=True))

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Read a number from `low` to `high`, without a unit."""
        return self._number(name, default, low, high, whole=False)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read 1, true, yes or on; or 0, false, no or off."""
        text = self._find(name).lower()
        if text and text not in YES | NO:
            raise _wrong(name, "write 1 or 0")
        return text in YES if text else default

    def pair(self, name: str, default: str, high: tuple[float, float]) -> tuple[float, float]:
        """Read two numbers above 0 and not above `high`, written as `a/b`."""
        found = [
            float(part) if _NUMBER.fullmatch(part) else 0.0
            for part in (self._find(name) or default).split("/")
        ]
        if len(found) != 2 or not all(
            0 < part <= top for part, top in zip(found, high, strict=True)
        ):
            raise _wrong(name, f"write two numbers as {default}, at most {high[0]:g}/{high[1]:g}")
        return found[0], found[1]

    def items(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """Read texts separated by commas; a variable that is there but empty gives none."""
        if not self._find(name) and name not in self._variables:
            return list(default)
        return [item for part in self._find(name).split(",") if (item := part.strip())]

    def ports(self, name: str) -> list[int]:
        """Read numbers of ports separated by commas."""
        try:
            return [whole(item, 1, 65535) for item in self.items(name)]
        except ValueError:
            raise _wrong(name, "write numbers of ports, separated by commas") from None

    def networks(self, name: str, default: Iterable[str]) -> list[IPv4Network | IPv6Network]:
        """Read networks separated by commas, as 10.0.0.0/8."""
        try:
            found = [ip_network(item) for item in self.items(name, default)]
        except ValueError:
            raise _wrong(name, "write networks as 10.0.0.0/8, separated by commas") from None
        if any(network.prefixlen == 0 for network in found):
            raise _wrong(name, "write the networks of the proxies, not all addresses")
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        """Read an object in JSON."""
        text = self._find(name)
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _wrong(name, "write an object in JSON")
        return found

    def one_of(self, name: str, default: str, choices: Iterable[str]) -> str:
        """Read one of these texts, in small or capital letters."""
        text = self._find(name) or default
        for choice in (known := list(choices)):
            if text.lower() == choice.lower():
                return choice
        raise _wrong(name, f"write one of {', '.join(known)}")

    def parsed(self, name: str, default: T, parse: Callable[[str], T], form: str) -> T:
        """Read a text with a form of its own; `parse` raises ValueError."""
        text = self._find(name)
        try:
            return parse(text) if text else default
        except ValueError:
            raise _wrong(name, form) from None

    def refuse_unknown(self, others: Iterable[str] = ()) -> None:
        """Raise ImproperlyConfigured for names that look like ours and are not; call it last."""
        known = self.known | set(others)
        for given in sorted(self._variables):
            name = given.removesuffix("_FILE")
            if name in known:
                continue
            alike = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE)
            if alike or name.startswith(OURS):
                hint = f" Did you mean {alike[0]}?" if alike else " See .env.example."
                raise ImproperlyConfigured(f"{given} is not a setting of the console.{hint}")

    def is_set(self, name: str) -> bool:
        """Return whether the setting has a value, or a file that holds it."""
        return any(self._variables.get(given, "").strip() for given in (name, f"{name}_FILE"))

    def _find(self, name: str) -> str:
        """Return the value without blanks around it, or an empty text."""
        self.known.add(name)
        path = self._variables.get(f"{name}_FILE", "").strip()
        if not path:
            return self._variables.get(name, "").strip()
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"The file of {name}: {error.strerror}.") from None
        except ValueError:
            raise ImproperlyConfigured(f"The file of {name} is not UTF-8.") from None

    def _number(self, name: str, default: float, low: float, high: float, *, whole: bool) -> float:
        text = self._find(name)
        if not text:
            return default
        found = float(text) if _NUMBER.fullmatch(text) else None
        if found is None or not low <= found <= high or (whole and found != int(found)):
            kind = "a whole number" if whole else "a number"
            raise _wrong(name, f"write {kind} from {low:g} to {high:g}, without a unit")
        return found


def whole(text: str, low: int, high: int) -> int:
    """Return the whole number that a text is; raises ValueError outside of `low` to `high`."""
    if not _NUMBER.fullmatch(text) or "." in text or not low <= int(text) <= high:
        raise ValueError
    return int(text)


DATABASE_FORM = (
    "write sqlite:////absolute/path, or postgres://user:password@host:port/name, in which a "
    '"%" of the password is written as %25'
)


def read_database(url: str) -> dict[str, Any]:
    """Return Django's settings of a database by its address; raises ValueError.

    A password may contain any character: what stands before the last "@" belongs to the user.
    """
    if url.startswith("sqlite:///"):
        path = Path(unquote(url.removeprefix("sqlite:///")))
        if not path.is_absolute():
            raise ValueError
        return sqlite_at(path)
    found = _POSTGRES.fullmatch(url)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise ValueError
    query = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(found["name"]),
        "USER": unquote(found["user"] or ""),
        "PASSWORD": unquote(found["password"] or ""),
        "HOST": query.pop("host", "") or unquote(found["host"]).strip("[]"),
        "PORT": found["port"] or "",
        "OPTIONS": query,
    }


def sqlite_at(path: Path) -> dict[str, Any]:
    """Return Django's settings of the SQLite database in this file."""
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


REDIS_FORM = "write redis://host:port/number, rediss://… or unix:///path"


def read_redis(url: str) -> str:
    """Return the address of a Redis; raises ValueError if it is none."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        if not parts.path.startswith("/"):
            raise ValueError
    elif parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError
    _ = parts.port  # Raises ValueError if it is no number of a port.
    return url


def _read_file(path: Path) -> dict[str, str]:
    """Return the variables of a `.env` file; a name without a value has an empty one."""
    if not path.exists():
        return {}
    try:
        # "$" is a character like any other, because secrets may contain it.
        found = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ImproperlyConfigured(f"The file {path.name}: {reason}.") from None
    return {name: value or "" for name, value in found.items()}


def _wrong(name: str, form: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}: {form}. See .env.example.")
