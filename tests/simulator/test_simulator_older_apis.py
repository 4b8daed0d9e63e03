"""The paths that other public clients use, as far as their form is known."""

import pytest


@pytest.mark.parametrize("version", ["v3.2", "v3.3"])
def test_the_older_lists_are_paged_by_number(start, version):
    vendor = start(devices=7)
    path = f"/o/api/{version}/devices"
    pages = [vendor.post(path, {"limit": 3, "page": page}) for page in (1, 2, 3, 4)]
    assert [reply.status for reply in pages] == [200, 200, 200, 413]
    names = [row["device_id"] for reply in pages[:3] for row in reply.json()]
    assert sorted(names) == sorted(vendor.sim.devices)
    assert len(vendor.post(path, {}).json()) == 1
    assert vendor.post(path, {"limit": 51}).status == 406
    assert vendor.post(path, {"filter": {"os": ["mac"]}}).status == 400


@pytest.mark.parametrize(
    "path", ["/o/api/v3.3/devices/detail", "/o/api/v3.4/devices/detail", "/o/api/v3/device_info"]
)
def test_details_of_older_versions_name_the_devices_asked_for(start, path):
    vendor = start(devices=3)
    name = next(iter(vendor.sim.devices))
    rows = vendor.post(path, {"ids": [name, "nobody"]}).json()
    assert [row["device_id"] for row in rows] == [name]


@pytest.mark.parametrize("path", ["/o/api/v3/logs", "/o/api/v2.1/devices", "/o/api/v3.5/devices"])
def test_any_other_path_is_not_found(start, path):
    assert start(devices=1).post(path, {}).status == 404
