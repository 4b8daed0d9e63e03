"""The console's addresses and the admin's, which lists the same devices in the same columns."""

from django.contrib import admin
from django.urls import path

from actions.inventory.models import Device
from dashboard.urls import urlpatterns as ours


class DeviceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Not at run time.
    """As one would set it up for this table: our columns, filters, search and order."""

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
