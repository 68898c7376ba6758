"""The policy's ETag, and `If-Match`, which keeps two admins from undoing each other's changes (RFC 9110)."""

import httpx
import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.freshness import step_up_required

PATH = "/security-policy"


async def etag(person: SimulatedUser) -> str:
    answer = await person.browser.get(PATH)
    tag: str = answer.headers["etag"]
    assert tag.startswith('"')
    assert tag.endswith('"')
    return tag


async def change(person: SimulatedUser, days: int, if_match: str) -> httpx.Response:
    return await person.browser.patch(PATH, json={"trusted_device_days": days}, headers={"If-Match": if_match})


async def test_the_etag_changes_only_with_the_policy(owner: SimulatedUser) -> None:
    first = await etag(owner)
    assert await etag(owner) == first

    changed = await owner.browser.patch(PATH, json={"trusted_device_days": 7})

    assert changed.headers["etag"] != first
    assert changed.headers["etag"] == await etag(owner)


async def test_a_policy_changed_and_changed_back_has_another_etag(owner: SimulatedUser) -> None:
    first = await etag(owner)
    for days in (7, 30):
        ok(await owner.browser.patch(PATH, json={"trusted_device_days": days}))

    refused(await change(owner, 5, first), 412, "precondition_failed")


async def test_the_current_etag_allows_a_change_and_a_stale_one_does_not(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    admin = await tenant.signed_in(Role.ADMIN)
    tag = await etag(admin)
    ok(await change(owner, 7, tag))

    refused(await change(admin, 14, tag), 412, "precondition_failed")

    assert ok(await admin.browser.get(PATH))["trusted_device_days"] == 7
    ok(await change(admin, 14, await etag(admin)))


@pytest.mark.parametrize("header", ["*", " * ", '"7", {tag}', '{tag},"7"', "  {tag}  ", 'W/"1", {tag}'])
async def test_a_wildcard_or_a_list_with_the_current_etag_matches(owner: SimulatedUser, header: str) -> None:
    ok(await change(owner, 7, header.format(tag=await etag(owner))))


@pytest.mark.parametrize(
    "header",
    [
        '""',
        '"x"',
        '"0"',
        '"2"',
        '"01"',
        '"-1"',
        '"1,2"',
        "W/{tag}",
        '"2", "3"',
        '"' + "9" * 400 + '"',
    ],
)
async def test_a_weak_or_foreign_etag_matches_nothing(owner: SimulatedUser, header: str) -> None:
    tag = await etag(owner)

    refused(await change(owner, 7, header.format(tag=tag)), 412, "precondition_failed")

    assert await etag(owner) == tag
    assert ok(await owner.browser.get(PATH))["trusted_device_days"] == 30


@pytest.mark.parametrize(
    "header", ["", "1", "'1'", '"', '"1', '1"', "{tag};{tag}", "*, *", "{tag},", 'w/"1"', '"1" "2"']
)
async def test_a_malformed_header_is_refused_and_changes_nothing(owner: SimulatedUser, header: str) -> None:
    tag = await etag(owner)

    problem = refused(await change(owner, 7, header.format(tag=tag)), 422, "invalid_request")

    [error] = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/If-Match", "malformed")
    assert "quotation marks" in error["detail"]
    assert await etag(owner) == tag


async def test_arabic_digits_are_no_version(owner: SimulatedUser) -> None:
    answer = await owner.browser.patch(
        PATH, json={"trusted_device_days": 7}, headers=[("If-Match", '"\u0661"'.encode())]
    )

    refused(answer, 412, "precondition_failed")


async def test_a_stale_etag_is_refused_even_if_nothing_would_change(owner: SimulatedUser) -> None:
    refused(await change(owner, 30, '"99"'), 412, "precondition_failed")


async def test_a_stale_etag_ends_no_sessions(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await tenant.signed_in()
    body = {"require_two_factor": {"team_members": True}, "end_sessions": True}

    answer = await owner.browser.patch(PATH, json=body, headers={"If-Match": '"99"'})

    refused(answer, 412, "precondition_failed")
    ok(await person.browser.get("/session"))


async def test_role_freshness_and_fields_are_checked_before_the_etag(tenant: Tenant, owner: SimulatedUser) -> None:
    agent = await tenant.signed_in(Role.AGENT)
    refused(await change(agent, 7, '"99"'), 403, "forbidden")
    refused(await change(owner, 31, '"99"'), 422, "invalid_request")

    tenant.clock.turn(minutes=11)

    step_up_required(await change(owner, 7, '"99"'))
