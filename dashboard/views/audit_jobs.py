"""Checks and exports of the audit trail; a worker makes them."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from actions.audit import jobs
from actions.audit import selectors as audit
from actions.audit.query import parse_audit_query
from actions.errors import Refused
from dashboard.access import actor_of, audit_reader_required
from dashboard.http import DashboardRequest, wants_part
from dashboard.streaming import stream


@require_GET
@audit_reader_required
@vary_on_headers("HX-Request", "HX-Target")
def audit_jobs(request: DashboardRequest) -> HttpResponse:
    """Show the last check, the exports and the streams."""
    found = audit.jobs()
    context = {
        "nav": "audit",
        "check": audit.last_check(),
        "exports": [job for job in found if job.kind == "export"],
        "running": any(job.ended_at is None for job in found),
        "streams": audit.streams(),
    }
    part = wants_part(request, "audit-jobs")
    return render(request, "audit/_jobs.html" if part else "audit/jobs.html", context)


@require_POST
@audit_reader_required
def check(request: DashboardRequest) -> HttpResponse:
    """Start a check of the whole trail."""
    jobs.ask_check(actor_of(request))
    return redirect("audit_jobs")


@require_POST
@audit_reader_required
def export(request: DashboardRequest) -> HttpResponse:
    """Start an export of the lines that match a query."""
    query = parse_audit_query(request.POST)
    try:
        jobs.ask_export(actor_of(request), query, request.POST.get("form", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{reverse('audit')}?{query.as_url()}")
    messages.success(request, "The export has started. Download it here when it is ready.")
    return redirect("audit_jobs")


@require_POST
@audit_reader_required
def download(request: DashboardRequest, token: UUID) -> HttpResponseBase:
    """Stream an export; the download is recorded in the audit trail first."""
    job = audit.job(token)
    if job is None or job.kind != "export":
        raise Http404("There is no such export.")
    try:
        file = jobs.open_export(job, actor_of(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("audit_jobs")
    response = stream(request, iter(file.chunks()), "application/zip")
    response["Content-Length"] = str(file.size)
    response["Content-Disposition"] = f'attachment; filename="{job.file}"'
    return response
