"""The last step before the wire and the first one after it: where the secrets are, and only there.

The adapter puts the token (and, for the token call, the form with the client's secret) on a
private copy of the request, sends it once over a connection of its own, and gives back nothing
that knows of that copy: no answer, no exception, no log line.
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

# RequestException covers nearly all; the others reach us from odd addresses and odd answers.
EXPECTED = (
    requests.RequestException,
    wire_errors.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)
"""What the HTTP library may raise for reasons that lie in the network or in the answer."""


class SecretQueryAdapter(HTTPAdapter):
    """Sends one request once, with the secrets added at the last moment.

    `send` raises Unreachable when no connection came about and Unconfirmed for all that can go
    wrong afterwards; both are raised outside of any `except`, so that they carry no context.
    """

    def __init__(
        self,
        journey: CallProgress,
        *,
        token: Secret[str] | None = None,
        form: Secret[dict[str, str]] | None = None,
    ) -> None:
        self._journey = journey
        self._token = token
        self._form = form
        silence_urls()
        # No retry of any kind: what has been sent is never sent again by a library.
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=Retry(0, read=False))

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        """Make the pools whose connections report to this call's journey."""
        super().init_poolmanager(connections, maxsize, block=block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = pool_classes(self._journey)

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
            failure = self._explain(request, error)
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

    def _explain(self, request: requests.PreparedRequest, error: Exception) -> VendorError:
        what = f"{request.method} {urlsplit(request.url or '').path}"
        if self._never_sent(error):
            return Unreachable(f"{what}: the vendor could not be reached ({_reason(error)}).")
        return Unconfirmed(f"{what}: sent, but no usable answer came ({_reason(error)}).")

    def _never_sent(self, error: Exception) -> bool:
        if self._journey.stage is Stage.CONNECTING:
            return True
        # Preparing fails on our side (a missing file of certificates); the library's own errors
        # without a connection would mean that our notes no longer work: then nothing is certain.
        return self._journey.stage is Stage.PREPARING and not isinstance(
            error, requests.RequestException | wire_errors.HTTPError | http.client.HTTPException
        )


def _without_secrets(
    response: requests.Response, request: requests.PreparedRequest
) -> requests.Response:
    """Take the private copy out of the answer, and the way on out of a redirect."""
    response.request = request
    response.url = request.url or ""
    response.raw.url = None
    # Without it, requests takes no redirect for one: it would read its whole body and look ahead.
    response.headers.pop("Location", None)
    return response


def _reason(error: BaseException) -> str:
    """Why, in words of our own: the library's words hold the URL."""
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
    """The exception and all that it wraps, as argument, reason, cause or context."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        wrapped = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting.extend(item for item in wrapped if isinstance(item, BaseException))
