"""Health checks for load balancers and service managers: by any name of the host, without sign-in.

They are answered before the middleware that checks the host and redirects to https, because a load
balancer asks by address.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from dashboard import health

Handler = Callable[[HttpRequest], HttpResponseBase]


class HealthMiddleware:
    """Answers the two addresses of the health checks."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a health check, or pass the request on."""
        answer = ANSWERS.get(request.path_info.rstrip("/"))
        if answer is None:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        response = answer()
        response["Cache-Control"] = "no-store"
        response["Content-Length"] = str(len(response.content))
        return response


def live() -> HttpResponse:
    """Answer 200 while the web process runs."""
    return HttpResponse("ok", content_type="text/plain")


def ready() -> HttpResponse:
    """Answer 200 while pages can be served, else 503; the body names each check and its reason."""
    found = health.checks()
    failed = any(not check.passed and check.needed for check in found)
    degraded = any(not check.passed for check in found)
    status = "failed" if failed else "degraded" if degraded else "ok"
    named = {check.name: check.reason or "ok" for check in found}
    return JsonResponse({"status": status, "checks": named}, status=503 if failed else 200)


ANSWERS: dict[str, Callable[[], HttpResponse]] = {
    "/healthz/live": live,
    "/healthz/ready": ready,
    "/alive": live,  # Its former name.
}
