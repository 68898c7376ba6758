"""An additional kind is enrolled, listed, allowed and reported; no file of `app/` names it."""

from pathlib import Path

import pytest

from app.core.callers import Role
from tests.second_factor.kinds.toy.playing import ENROLLMENTS, enroll_toy, wrong
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.reports import ReportClient
from tests.support.account.services import with_changes

pytestmark = pytest.mark.usefixtures("toy_owner")


async def test_a_new_kind_is_enrolled_by_its_challenge_and_shown_by_its_name(toys: Tenant) -> None:
    person = await toys.signed_in()
    begun = ok(await person.browser.post(ENROLLMENTS, json={"kind": "toy"}), 201)
    assert set(begun) == {"id", "kind", "expires_at", "number"}
    path = f"{ENROLLMENTS}/{begun['id']}/confirmation"
    refused(await person.browser.post(path, json={"passcode": wrong(begun["number"])}), 401, "passcode_incorrect")
    confirmed = ok(await person.browser.post(path, json={"passcode": begun["number"][::-1]}), 201)

    assert (confirmed["authenticator"]["kind"], confirmed["authenticator"]["label"]) == ("toy", "Toy")
    assert len(confirmed["recovery_codes"]) == 10
    shown = ok(await person.browser.get("/users/me/two-factor"))
    assert [found["kind"] for found in shown["authenticators"]] == ["toy"]
    session = ok(await person.browser.get("/session"))["session"]
    assert (session["amr"], session["assurance"]) == (["pwd", "toy"], "aal2")


async def test_a_policy_that_does_not_allow_the_new_kind_refuses_it(
    toys: Tenant, toy_owner: SimulatedUser
) -> None:
    ok(await toy_owner.browser.patch("/security-policy", json={"allowed_kinds": {"team_members": ["totp"]}}))
    person = await toys.signed_in()

    refused(await person.browser.post(ENROLLMENTS, json={"kind": "toy"}), 422, "invalid_request")
    change = {"allowed_kinds": {"end_users": ["none such"]}}
    refused(await toy_owner.browser.patch("/security-policy", json=change), 422, "invalid_request")


async def test_a_sign_in_that_requires_enrollment_offers_and_accepts_the_new_kind(
    toys: Tenant, toy_owner: SimulatedUser
) -> None:
    await toys.require(toy_owner, end_users=True)
    person = await toys.person(Role.END_USER)
    waiting = await toys.sign_in(person)
    assert "toy" in waiting["allowed_kinds"]
    credential = {"sign_in_token": waiting["sign_in_token"]}
    begun = ok(await person.browser.post("/sign-ins/enrollments", json=credential | {"kind": "toy"}), 201)
    path = f"/sign-ins/enrollments/{begun['id']}/confirmation"
    completed = ok(await person.browser.post(path, json=credential | {"passcode": begun["number"][::-1]}), 201)

    assert completed["session"]["amr"] == ["pwd", "toy"]


async def test_the_report_lists_the_new_kind_among_the_methods(toys: Tenant, tmp_path: Path) -> None:
    person = await toys.signed_in()
    await enroll_toy(person)
    await toys.enroll(person)
    admin = await toys.enrolled(Role.ADMIN)

    reports = ReportClient(toys, with_changes(toys.services, data_dir=tmp_path))
    rows = await reports.rows(admin)

    assert {row["methods"] for row in rows if row["user_id"] == person.id} == {"totp;toy"}


def test_no_file_of_the_application_names_the_new_kind() -> None:
    app = Path(__file__).parents[4] / "app"

    assert not [path for path in app.rglob("*.py") if '"toy' in path.read_text()]
