"""What this installation holds, how it grows, and what retention removes."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from actions import free_disk
from actions.retention import outlook
from actions.retention import storage as sizes
from dashboard.access import storage_reader_required
from dashboard.http import DashboardRequest


@require_GET
@storage_reader_required
def storage(request: DashboardRequest) -> HttpResponse:
    """Show the sizes of the last measurement, and retention."""
    context = {
        "nav": "storage",
        "storage": sizes.read(),
        "last_run": outlook.last_run(),
        "outlooks": outlook.outlooks(),
        "floor_mb": settings.MIN_FREE_DISK_MB,
        "cap_mb": settings.AGENT_LOG_TOTAL_MB,
        "is_short": free_disk.is_short(),
    }
    return render(request, "storage/page.html", context)
