"""The console's URLs and those of the admin, which lists the same devices and columns."""

from django.contrib import admin
from django.urls import path

from actions.inventory.models import Device
from dashboard.urls import urlpatterns as ours


class DeviceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Not at run time.
    """The admin's list with the same columns, filters, search and order as ours."""

    list_display = (
        *("name", "status", "device_type", "os_name", "agent_version", "user_name"),
        *("group_name", "ip", "last_seen"),
    )
    list_filter = ("status", "device_type", "agent_type")
    search_fields = ("search_text",)
    ordering = ("name",)
    list_per_page = 50


site = admin.AdminSite(name="admin")
site.register(Device, DeviceAdmin)

urlpatterns = [*ours, path("admin/", site.urls)]
