"""The last step before sending and the first after it: the only code that adds the secrets.

The adapter puts the token (and, for the token call, the form with the client's secret) on a
private copy of the request, sends it once over a connection of its own, and returns nothing that
refers to that copy: no answer, no exception, no log line.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3 import exceptions as wire_errors

from actions.opswat.connection import CallProgress, Stage, pool_classes
from actions.opswat.errors import Unconfirmed, Unreachable, VendorError
from actions.opswat.redaction import Secret, silence_urls, strip_context

# RequestException covers nearly all; malformed addresses and answers raise the others.
EXPECTED = (
    requests.RequestException,
    wire_errors.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
"""Exceptions of the HTTP library that have their cause in the network or in the answer."""


class SecretQueryAdapter(HTTPAdapter):
    """Sends one request once, and adds the secrets immediately before.

    `send` raises Unreachable if no connection was made and Unconfirmed for any later error; both
    are raised outside of any `except`, so that they have no context.
    """

    def __init__(
        self,
        progress: CallProgress,
        *,
        token: Secret[str] | None = None,
        form: Secret[dict[str, str]] | None = None,
    ) -> None:
        self._progress = progress
        self._token = token
        self._form = form
        silence_urls()
        # No retries: the library must not send a request twice.
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=Retry(0, read=False))

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make the pools whose connections report the progress of this call."""
        super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._progress)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a private copy of `request` directly (never through a proxy, always verified)."""
        wire = request.copy()
        failure: BaseException
        try:
            self._add_secrets(wire)
            response = super().send(wire, stream=True, timeout=timeout, verify=True)
            return _without_secrets(response, request)
        except EXPECTED as error:
            failure = self._vendor_error(request, error)
        except BaseException as error:  # noqa: BLE001 - a stop signal: passed on below
            failure = strip_context(error)
        finally:
            del wire
        raise failure

    def _add_secrets(self, wire: requests.PreparedRequest) -> None:
        if self._token is not None:
            wire.prepare_url(wire.url, {"access_token": self._token.reveal()})
        if self._form is not None:
            wire.prepare_body(self._form.reveal(), None)

    def _vendor_error(self, request: requests.PreparedRequest, error: Exception) -> VendorError:
        endpoint = f"{request.method} {urlsplit(request.url or '').path}"
        if self._never_sent(error):
            return Unreachable(f"{endpoint}: the vendor could not be reached ({_reason(error)}).")
        return Unconfirmed(f"{endpoint}: sent, but no usable answer came ({_reason(error)}).")

    def _never_sent(self, error: Exception) -> bool:
        if self._progress.stage is Stage.CONNECTING:
            return True
        # Preparation fails locally (a missing certificate file). An error of the HTTP library in
        # this stage would mean that the stage is not recorded: then the outcome is unknown.
        return self._progress.stage is Stage.PREPARING and not isinstance(
            error, requests.RequestException | wire_errors.HTTPError | http.client.HTTPException
        )


def _without_secrets(
    response: requests.Response, request: requests.PreparedRequest
) -> requests.Response:
    """Remove the private copy from the answer, and the target from a redirect."""
    response.request = request
    response.url = request.url or ""
    response.raw.url = None
    # Without it, requests ignores the redirect instead of reading its body and following it.
    response.headers.pop("Location", None)
    return response


def _reason(error: BaseException) -> str:
    """Return the reason in our own text: the text of the library contains the URL."""
    for cause in _causes(error):
        if isinstance(cause, wire_errors.NameResolutionError | socket.gaierror):
            return "its name could not be resolved"
        if isinstance(cause, ssl.SSLError | wire_errors.SSLError):
            return "no trusted TLS connection"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    for cause in _causes(error):
        if isinstance(cause, wire_errors.NewConnectionError):
            return "no connection"
        if isinstance(cause, TimeoutError | wire_errors.TimeoutError):
            return "no answer in time"
    return "the connection broke off"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return the exception and all that it wraps, as argument, reason, cause or context."""
    pending, seen = [error], set[int]()
    while pending:
        cause = pending.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        wrapped = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        pending.extend(item for item in wrapped if isinstance(item, BaseException))
