"""The vendor's client: every byte to the vendor is sent by `VendorClient._send`.

Each method makes exactly one HTTP call and requires a `Slot`, the proof that the ledger has granted
it. `status_codes` decides what an answer means: only 200 is a success; after 401, 429 and the other
4xx nothing was done; after anything else the outcome is unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, TypeVar

import requests

from actions.catalog import VERSIONS
from actions.opswat.action_calls import ActionCall
from actions.opswat.action_results import ActionResult, parse_results
from actions.opswat.agent_logs import REPORT_CODES, ReportBody, ReportReply, read_report
from actions.opswat.base_url import check_base_url
from actions.opswat.calls import Answer, Slot, VendorConfig
from actions.opswat.connection import CallProgress
from actions.opswat.devices import (
    ChangePage,
    DevicePage,
    GroupPage,
    read_changes,
    read_device_list,
    read_device_page,
    read_groups,
)
from actions.opswat.errors import TooLarge, Unconfirmed, VendorError
from actions.opswat.rate_headers import RateLimitStatus
from actions.opswat.redaction import Redactor, Secret
from actions.opswat.responses import MAX_ERROR_BYTES, Body, Reply, read_reply
from actions.opswat.status_codes import FINAL_IN_JSON, raise_for_status, unusable
from actions.opswat.tokens import Token, is_token, read_token
from actions.opswat.transport import SecretQueryAdapter

__all__ = ["Answer", "Slot", "Token", "VendorClient", "VendorConfig", "check_base_url"]

T = TypeVar("T")

MAX_PER_CALL = 50
"""The vendor's largest page (Get Devices, Get Groups) and list of ids (Device Details)."""

MAX_AGE = 86_400
"""Maximum age of changes in seconds (Status Change: `age`)."""

_HEADERS = {
    "Accept-Encoding": "gzip",
    "Connection": "close",
    "User-Agent": "device-action-console",
}


class VendorClient:
    """The vendor's API as methods with plain values, without state between calls.

    All methods raise the errors of `actions.opswat.errors`, and ValueError, before anything is
    sent, for arguments that the API does not accept.
    """

    def __init__(self, config: VendorConfig) -> None:
        """Raise ValueError for an address that is not allowed or an unknown action version.

        The address is checked here and not only when a process starts, because every call of this
        client sends a secret to it.
        """
        if config.action_version not in VERSIONS:
            raise ValueError(f"There is no Device Action version {config.action_version!r}.")
        self._origin = check_base_url(config.base_url, config.allowed_hosts)
        self._config = config

    def fetch_token(self, slot: Slot) -> Answer[Token]:
        """Get a token by client credentials; 400 and 401 both mean that they are not accepted."""
        form = Secret(
            {
                "grant_type": "client_credentials",
                "client_id": self._config.client_id,
                "client_secret": self._config.client_secret,
            }
        )
        body = Body(self._config.max_body_bytes)
        reply = self._send(slot, "POST", "/o/oauth/token", read=body, form=form)
        raise_for_status(reply, self._redactor(), refused=(400, 401))
        token = None if reply.error else read_token(body.json()[1])
        if token is None:
            # The vendor's text is left out, because it may contain a token.
            raise Unconfirmed(
                f"{reply.endpoint}: the answer contains no usable token.",
                http_status=reply.http_status,
                rate=reply.rate,
            )
        return Answer(token, reply.http_status, reply.rate)

    def device_action(self, slot: Slot, token: str, call: ActionCall) -> Answer[ActionResult]:
        """Request one action for the devices of the call (Device Action v3 to v3.3).

        HTTP 200 does not mean that anything was done: each device has its own result.
        """
        secret = Secret(token)
        del token
        version = self._config.action_version
        if call.kind not in VERSIONS[version].kinds:
            raise ValueError(f"Device Action {version} does not support {call.kind!r}.")
        return self._fetch(
            slot,
            f"/o/api/{version}/devices/action",
            secret,
            call.body(),
            lambda body: parse_results(body, call.targets),
            # Only 400 is about a device (assumed): these are about the call as such, so that one
            # wrong version, lost right or gateway must not fail every device that waits.
            final=(),
        )

    def list_devices(
        self, slot: Slot, token: str, cursor: str | None, limit: int = MAX_PER_CALL
    ) -> Answer[DevicePage]:
        """Read one page of all devices, oldest enrolment first (Get Devices v3.7)."""
        secret = Secret(token)
        del token
        payload: dict[str, object] = {"limit": _check_range(limit, "limit", MAX_PER_CALL)}
        if cursor is not None:
            payload["token"] = cursor
        path = "/o/api/v3.7/devices"
        return self._fetch(slot, path, secret, payload, lambda body: read_device_page(body, cursor))

    def device_details(self, slot: Slot, token: str, ids: Sequence[str]) -> Answer[DevicePage]:
        """Read 1 to 50 devices by their ids (Device Details v3.8); unknown ones are omitted."""
        secret = Secret(token)
        del token
        identifiers = list(ids)
        _check_range(len(identifiers), "number of ids", MAX_PER_CALL)
        if not all(identifier.strip() for identifier in identifiers):
            raise ValueError("A device identifier cannot be empty.")
        # `opt` 0 means device ids or MACs in v3; it had other meanings before: always sent.
        payload: dict[str, object] = {"opt": 0, "ids": identifiers, "verbose": {"system_info": 1}}
        return self._fetch(slot, "/o/api/v3.8/devices/detail", secret, payload, read_device_list)

    def status_changes(
        self, slot: Slot, token: str, age: int, page: int, limit: int = MAX_PER_CALL
    ) -> Answer[ChangePage]:
        """Read one page of the changes of the last `age` seconds (Status Change v3.0)."""
        secret = Secret(token)
        del token
        payload: dict[str, object] = {
            "age": _check_range(age, "age", MAX_AGE),
            "verbose": 1,
            "limit": _check_range(limit, "limit", MAX_PER_CALL),
            "page": _check_range(page, "page", 1_000_000),
        }
        path = "/o/api/v3/devices/status_changed"
        return self._paged(slot, path, secret, payload, read_changes, {413: ChangePage()})

    def list_groups(
        self, slot: Slot, token: str, page: int, limit: int = MAX_PER_CALL
    ) -> Answer[GroupPage]:
        """Read one page of groups, from page 1 (Get Groups v3.0); past the end it is empty."""
        secret = Secret(token)
        del token
        payload: dict[str, object] = {
            "limit": _check_range(limit, "limit", MAX_PER_CALL),
            "page": _check_range(page, "page", 1_000_000),
        }
        empty = dict.fromkeys((204, 413), GroupPage())
        return self._paged(slot, "/o/api/v3/groups", secret, payload, read_groups, empty)

    def get_report(
        self, slot: Slot, token: str, command_id: str, sink: BinaryIO
    ) -> Answer[ReportReply]:
        """Get an agent log (Get Reports v3.1) and stream it into `sink`, a buffered file.

        A file of any kind is the log; JSON, 404 and 400 mean "not ready" with the vendor's text. On
        any error the caller discards the content of the sink. Errors of the sink itself (a full
        disk) pass through.
        """
        secret = Secret(token)
        del token
        body = ReportBody(sink, self._config.max_report_bytes)
        query = {"type": "agent_log", "command_id": command_id}
        reply = self._send(
            slot,
            "GET",
            "/o/api/v3.1/get_reports",
            read=body,
            read_for=REPORT_CODES,
            query=query,
            token=secret,
        )
        redactor = self._redactor(secret)
        value = read_report(reply, body, redactor)
        if value is None:
            raise_for_status(reply, redactor)
            if body.is_over:
                cap = self._config.max_report_bytes / 2**20
                raise TooLarge(
                    f"The log is too large: more than {cap:,.0f} MB.",
                    http_status=reply.http_status,
                    rate=reply.rate,
                )
            error = reply.error or "it is neither a ZIP file nor JSON"
            raise unusable(reply, redactor, error)
        return Answer(value, reply.http_status, reply.rate)

    def _paged(
        self,
        slot: Slot,
        path: str,
        token: Secret[str],
        payload: dict[str, object],
        read: Callable[[object], T],
        empty: Mapping[int, T],
    ) -> Answer[T]:
        """Like `_fetch`; `empty` are the codes of an empty page, such as 413 beyond the last."""
        try:
            return self._fetch(slot, path, token, payload, read)
        except VendorError as error:
            code = error.http_status or 0
            if code not in empty:
                raise
            return Answer(empty[code], code, error.rate or RateLimitStatus())

    def _fetch(
        self,
        slot: Slot,
        path: str,
        token: Secret[str],
        payload: dict[str, object],
        read: Callable[[object], T],
        final: tuple[int, ...] = FINAL_IN_JSON,
    ) -> Answer[T]:
        """POST JSON and read JSON, as all calls but the token and the report do."""
        body = Body(self._config.max_body_bytes)
        reply = self._send(slot, "POST", path, read=body, json=payload, token=token)
        redactor = self._redactor(token)
        raise_for_status(reply, redactor, final=final)
        error = reply.error
        if not error:
            is_json, value = body.json()
            value = redactor.tree(value)
            error = "" if is_json else "it is not JSON"
        if not error:
            try:
                return Answer(read(value), reply.http_status, reply.rate)
            except Unconfirmed as unreadable:
                error = str(unreadable)
            except Exception as fault:  # noqa: BLE001 - the call was made: its outcome is unknown
                error = f"it cannot be read ({type(fault).__name__})"
        raise unusable(reply, redactor, error)

    def _redactor(self, *tokens: Secret[str]) -> Redactor:
        return Redactor((*tokens, Secret(self._config.client_secret)))

    def _send(
        self,
        slot: Slot,
        method: str,
        path: str,
        *,
        read: Body,
        read_for: tuple[int, ...] = (200,),
        query: Mapping[str, str] | None = None,
        json: dict[str, object] | None = None,
        form: Secret[dict[str, str]] | None = None,
        token: Secret[str] | None = None,
    ) -> Reply:
        """Make one call over a connection of its own; all input and output happens here.

        `read` takes the body of an answer whose code is in `read_for`; other bodies only explain
        an error. Raises Unreachable if nothing was sent, Unconfirmed if no answer began.
        """
        if not isinstance(slot, Slot):
            raise TypeError("A call to the vendor needs a slot.")
        if token is not None and not is_token(token.reveal()):
            raise ValueError("The access token contains characters that a token cannot have.")
        progress = CallProgress(self._config.read_timeout)
        request = requests.Request(
            method, self._origin + path, headers=_HEADERS, params=query, json=json
        )
        with _session(SecretQueryAdapter(progress, token=token, form=form)) as session:
            response = session.send(
                session.prepare_request(request),
                stream=True,
                timeout=(self._config.connect_timeout, self._config.read_timeout),
                allow_redirects=False,
            )
            body = read if response.status_code in read_for else Body(MAX_ERROR_BYTES)
            return read_reply(f"{method} {path}", response, body)


def _session(adapter: SecretQueryAdapter) -> requests.Session:
    """Return a session that ignores proxies, certificates and .netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _check_range(number: int, name: str, maximum: int) -> int:
    if not 1 <= number <= maximum:
        raise ValueError(f"The {name} must be from 1 to {maximum}.")
    return number
