"""Token, device list, details, groups, reports, and the status codes they share."""

import pytest

PATHS = {
    "action": "/o/api/v3.1/devices/action",
    "devices": "/o/api/v3.7/devices",
    "detail": "/o/api/v3.8/devices/detail",
    "groups": "/o/api/v3/groups",
    "changes": "/o/api/v3/devices/status_changed",
}


def test_a_token_is_issued_by_post_and_by_get(vendor):
    reply = vendor.log_in().json()
    assert len(reply["access_token"]) == 36
    assert (reply["token_type"], reply["scope"], reply["expires_in"]) == ("bearer", "read", 43199)
    sim = vendor.sim
    got = vendor.get(
        "/o/oauth/token",
        client_id=sim.client_id,
        client_secret=sim.client_secret,
        grant_type="client_credentials",
    )
    assert got.status == 200
    assert got.json()["access_token"] != reply["access_token"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "wrong"}, 401),
        ({"client_id": "wrong"}, 401),
        ({"client_id": "wröng"}, 401),
        ({"grant_type": "password"}, 400),
        ({"grant_type": ""}, 400),
    ],
)
def test_invalid_credentials_and_grants_get_an_oauth_error(vendor, changes, code):
    reply = vendor.log_in(**changes)
    assert reply.status == code
    assert reply.json().keys() == {"error", "error_description"}


def test_the_token_call_requires_a_form(vendor):
    assert vendor.post("/o/oauth/token", {}).status == 415
    assert vendor.raw("PUT", "/o/oauth/token").status == 405


def test_a_token_expires_by_age_and_on_demand(start):
    vendor = start(token_seconds=0)
    assert vendor.log_in().json()["expires_in"] == 0
    assert vendor.action("exempt", "a").status == 401
    vendor = start()
    assert vendor.action("exempt", "a").status == 200
    vendor.sim.issue_new_tokens()
    assert vendor.action("exempt", "a").status == 401
    vendor.log_in()
    assert vendor.action("exempt", "a").status == 200


def test_the_grant_policies(start):
    same = start(grant_policy="same")
    assert same.log_in().json()["access_token"] == same.log_in().json()["access_token"]
    other = start(grant_policy="replace", grant_reply="short")
    before = other.token
    assert other.log_in().json().keys() == {"access_token", "expires_in"}
    other.token = before
    assert other.action("exempt", "a").status == 401


def test_the_bearer_header_is_accepted_only_by_switch(start):
    for accepted, code in ((False, 401), (True, 200)):
        vendor = start(bearer_accepted=accepted)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {vendor.token}"}
        body = b'{"types": "exempt", "ids": ["a"]}'
        assert vendor.raw("POST", PATHS["action"], body, headers).status == code


@pytest.mark.parametrize("path", PATHS.values())
def test_the_shared_status_codes(vendor, path):
    assert vendor.get(path).status == 405
    assert vendor.raw("HEAD", path).status == 405
    assert vendor.post(path, b"{}", Content_Type="text/plain").status == 415
    assert vendor.raw("POST", f"{path}?access_token={vendor.token}", b"{}").status == 415
    assert vendor.post(path, b"nonsense").status == 400
    vendor.token = "stolen"
    assert vendor.post(path, {}).status == 401
    assert vendor.raw("POST", path, b"{}", {"Content-Type": "application/json"}).status == 401


def test_an_unknown_path_is_a_404_even_without_a_token(vendor):
    for path in ("/", "/o/api/v9/devices", "/o/api/v3.4/devices/action", PATHS["action"] + "/"):
        assert vendor.raw("GET", path).status == 404


def test_a_charset_in_the_content_type_is_accepted(vendor):
    reply = vendor.post(PATHS["groups"], {}, Content_Type="Application/JSON; charset=utf-8")
    assert reply.status == 200


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("object", b'{"error": "not found"}'),
        ("nested", b'{"error": {"message": "not found", "code": 404}}'),
        ("text", b"not found"),
        ("empty", b""),
    ],
)
def test_the_error_body_has_the_shape_of_the_switch(start, shape, body):
    assert start(error_body=shape).raw("GET", "/o/nothing").body == body


def read_all(vendor, limit):
    ids, token, pages = [], None, []
    for _ in range(30):
        body = {"limit": limit} | ({"token": token} if token else {})
        page = vendor.post(PATHS["devices"], body).json()
        pages.append(page)
        ids += [row["device_id"] for row in page["devices"]]
        last, token = token, page.get("next_token")
        if not token or token == last or not page["devices"]:
            return ids, pages
    raise AssertionError("the cursor does not end")


@pytest.mark.parametrize("mark", ["empty", "missing", "null", "repeated", "empty_page"])
@pytest.mark.parametrize("limit", [7, 10, 50])
def test_the_cursor_returns_every_device_once_with_each_end_mark(start, mark, limit):
    vendor = start(end_mark=mark)
    ids, pages = read_all(vendor, limit)
    assert ids == list(vendor.sim.devices)
    last = pages[-1]
    assert {"empty": "", "null": None}.get(mark, last.get("next_token")) == last.get("next_token")
    assert ("next_token" in last) == (mark != "missing")


def test_devices_are_listed_in_the_order_of_enrollment(vendor):
    device = vendor.sim.add_device(device_name="newest")
    ids, pages = read_all(vendor, 5)
    rows = [row for page in pages for row in page["devices"]]
    assert ids[-1] == device.device_id
    assert [row["enrolled_at"] for row in rows] == sorted(row["enrolled_at"] for row in rows)


def test_a_deletion_between_pages_skips_no_other_device(vendor):
    ids = list(vendor.sim.devices)
    first = vendor.post(PATHS["devices"], {"limit": 5}).json()
    vendor.action("delete", ids[2], ids[7])
    rest = vendor.post(PATHS["devices"], {"limit": 50, "token": first["next_token"]}).json()
    assert [row["device_id"] for row in rest["devices"]] == [ids[n] for n in (5, 6, *range(8, 20))]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"limit": 51}, 406),
        ({"limit": 0}, 400),
        ({"limit": "20"}, 400),
        ({"limit": True}, 400),
        ({"token": "nonsense"}, 400),
        ({"token": None}, 400),
        ({"token": ""}, 400),
        ({"limit": 50}, 200),
        ({}, 200),
    ],
)
def test_the_list_validates_limit_and_token(vendor, body, code):
    assert vendor.post(PATHS["devices"], body).status == code


def test_a_list_row_has_the_documented_fields_and_more(start):
    vendor = start(issue_in_list="plural")
    row = vendor.post(PATHS["devices"], {"limit": 1}).json()["devices"][0]
    documented = {
        *("device_id", "severity", "enrolled_at", "status", "device_name", "host_name"),
        *("public_ip", "nickname", "device_type", "last_seen", "last_reboot"),
    }
    assert documented < row.keys()
    assert row["issue"].keys() == {"total_issues", "total_critical_issues", "total_warning_issues"}
    assert "agent_type" not in row
    assert row["enrolled_at"].endswith("Z")
    assert len(row["enrolled_at"]) == 20
    bare = start(list_fields="documented", agent_type_in_list=True)
    row = bare.post(PATHS["devices"], {"limit": 1}).json()["devices"][0]
    assert row.keys() == documented | {"agent_type"}


def test_details_are_found_by_id_and_mac_and_omit_unknown_devices(start):
    vendor = start(detail_spelling="hyphen")
    device = vendor.sim.add_device(status="non_compliant", macs=("1A:2A:3A:4A:5A:6A",))
    rows = vendor.post(
        PATHS["detail"], {"ids": [device.device_id, "nobody", "1a-2a-3a-4a-5a-6a"]}
    ).json()
    assert [row["device_id"] for row in rows] == [device.device_id] * 2
    assert rows[0]["status"] == "non-compliant"
    assert rows[0]["agent_type"] == "persistent"
    assert rows[0]["issue"].keys() == {"total_issue", "total_critical_issue", "total_warning_issue"}
    short = {"ids": [device.device_id], "verbose": {"system_info": 0}}
    assert "os_info" not in vendor.post(PATHS["detail"], short).json()[0]
    assert vendor.post(PATHS["detail"], {"ids": [device.device_id], "opt": 1}).json() == []
    wrapped = start(detail_shape="object").post(PATHS["detail"], {"ids": ["nobody"]})
    assert wrapped.json() == {"devices": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": "a"},
        {"ids": [str(n) for n in range(51)]},
        {"ids": ["a"], "opt": 2},
        {"ids": ["a"], "opt": "0"},
        {"ids": ["a"], "verbose": 1},
        {"ids": ["a"], "verbose": {"categories": True}},
    ],
)
def test_details_validate_the_body(vendor, body):
    assert vendor.post(PATHS["detail"], body).status == 400


def test_groups_are_paged_and_a_page_past_the_last_is_a_413(vendor):
    first = vendor.post(PATHS["groups"], {"limit": 5}).json()
    second = vendor.post(PATHS["groups"], {"limit": 5, "page": 2}).json()
    names = [row["group_name"] for row in first + second]
    assert len(names) == 8
    assert names == sorted(names, key=str.casefold)
    assert sum(row["number_of_devices"] for row in first + second) == 20
    assert vendor.post(PATHS["groups"], {"limit": 5, "page": 3}).status == 413
    assert vendor.post(PATHS["groups"], {"limit": 51}).status == 406
    assert vendor.post(PATHS["groups"], {"page": 0}).status == 400
    assert vendor.post(PATHS["groups"], {"sort": {"field": "colour"}}).status == 400


def test_groups_can_be_searched_and_sorted(vendor):
    body = {"search": "STRICT", "sort": {"field": "number_of_devices", "order": "desc"}}
    rows = vendor.post(PATHS["groups"], body).json()
    assert {row["policy_name"] for row in rows} == {"Strict policy"}
    sizes = [row["number_of_devices"] for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert vendor.post(PATHS["groups"], {"search": "no such group"}).json() == []
