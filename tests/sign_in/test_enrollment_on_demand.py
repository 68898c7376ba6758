"""Enrolling during a sign-in because the account requires it (docs/api.md section 4)."""

import re

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.sign_ins import (
    begin_again,
    begin_demanded_enrollment,
    confirm,
    enroll_on_demand,
    submit,
)

CODE = re.compile("[0-9abcdefghjkmnpqrstvwxyz]{7}-[0-9abcdefghjkmnpqrstvwxyz]{7}")


async def test_a_required_enrollment_at_sign_in_ends_in_an_aal2_session(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    assert set(begun) == {"id", "kind", "expires_at", "secret", "otpauth_uri", "qr_code_svg", "sign_in_token"}
    app = AuthenticatorApp(begun["secret"], tenant.clock)

    response = await confirm(newcomer.browser, begun, app.passcode())

    answer = ok(response, 201)
    assert set(answer) == {
        "status",
        "session",
        "user",
        "trusted_device",
        "not_trusted_because",
        "recovery_codes_left",
        "recovery_codes",
    }
    assert answer["status"] == "complete"
    assert answer["session"]["amr"] == ["pwd", "otp"]
    assert answer["session"]["assurance"] == "aal2"
    assert answer["user"]["id"] == newcomer.id
    assert answer["recovery_codes_left"] == 10
    assert answer["trusted_device"]["id"]
    assert len(response.headers.get_list("set-cookie")) == 1
    newcomer.browser.token = answer["session"]["token"]
    shown = ok(await newcomer.browser.get("/users/me/two-factor"))
    assert (shown["status"], shown["required_by_account"], shown["turned_on_by_user"]) == ("on", True, False)
    assert [found["label"] for found in shown["authenticators"]] == ["Phone"]


async def test_the_ten_recovery_codes_are_shown_once(tenant: Tenant, newcomer: SimulatedUser) -> None:
    answer = await enroll_on_demand(tenant, newcomer)

    codes = answer["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(CODE.fullmatch(code) for code in codes)
    later = [
        (await newcomer.browser.get("/users/me/two-factor")).text,
        (await newcomer.browser.get("/session")).text,
        str(await tenant.pass_passcode(newcomer, tenant.browser())),
    ]
    assert not any(code in text for text in later for code in codes)
    ok(await submit(tenant.browser(), await tenant.asked(newcomer), codes[9]), 201)


async def test_the_secret_is_shown_by_nothing_but_the_enrollment(tenant: Tenant, newcomer: SimulatedUser) -> None:
    answer = await enroll_on_demand(tenant, newcomer)

    secret = newcomer.authenticator.secret
    assert secret not in str(answer)
    for path in ("/users/me/two-factor", "/session", "/users/me/sessions", "/users/me/trusted-devices"):
        assert secret not in (await newcomer.browser.get(path)).text


async def test_the_passcode_that_confirmed_the_enrollment_is_used(tenant: Tenant, newcomer: SimulatedUser) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode()
    ok(await confirm(newcomer.browser, begun, passcode), 201)
    token = await tenant.asked(newcomer)

    problem = refused(await submit(tenant.browser(), token, passcode), 401, "passcode_already_used")

    assert problem["retry_after"] == 30


async def test_nothing_is_enrolled_until_a_passcode_proves_it(
    tenant: Tenant, admin: SimulatedUser, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    refused(await confirm(newcomer.browser, begun, app.wrong_passcode()), 401, "passcode_incorrect")

    assert (await tenant.sign_in(newcomer, tenant.browser()))["status"] == "enrollment_required"
    await tenant.require(admin, end_users=False)
    assert (await tenant.sign_in(newcomer))["status"] == "complete"
    assert ok(await newcomer.browser.get("/users/me/two-factor"))["authenticators"] == []


async def test_five_wrong_passcodes_void_the_enrollment_and_not_the_sign_in(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    for _ in range(5):
        refused(await confirm(newcomer.browser, begun, app.wrong_passcode()), 401, "passcode_incorrect")

    refused(await confirm(newcomer.browser, begun, app.passcode()), 410, "enrollment_expired")

    again = await begin_again(newcomer.browser, begun)
    ok(await confirm(newcomer.browser, again, AuthenticatorApp(again["secret"], tenant.clock).passcode()), 201)


async def test_wrong_passcodes_of_an_enrollment_do_not_count_against_the_user(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    app = AuthenticatorApp(begun["secret"], tenant.clock)
    for _ in range(4):
        refused(await confirm(newcomer.browser, begun, app.wrong_passcode()), 401, "passcode_incorrect")
    ok(await confirm(newcomer.browser, begun, app.passcode()), 201)
    token = await tenant.asked(newcomer)

    for _ in range(4):
        refused(await submit(tenant.browser(), token, app.wrong_passcode()), 401, "passcode_incorrect")

    ok(await submit(tenant.browser(), token, app.next_passcode()), 201)


async def test_malformed_passcodes_do_not_count_against_the_enrollment(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    right = AuthenticatorApp(begun["secret"], tenant.clock).passcode()
    full_width = right.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})

    for passcode in (right + "\n", right[:5], right + "0", full_width, "abcdefg-abcdefg", int(right)):
        problem = refused(await confirm(newcomer.browser, begun, passcode), 422, "invalid_request")
        assert problem["errors"][0]["pointer"] == "/passcode"

    ok(await confirm(newcomer.browser, begun, right), 201)


@pytest.mark.parametrize("steps_ahead", [-1, 0, 1])
async def test_an_enrollment_is_confirmed_by_the_current_step_and_one_either_side(
    tenant: Tenant, newcomer: SimulatedUser, steps_ahead: int
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode(steps_ahead)

    ok(await confirm(newcomer.browser, begun, passcode), 201)


@pytest.mark.parametrize("steps_ahead", [-2, 2])
async def test_an_enrollment_is_not_confirmed_by_a_step_two_away(
    tenant: Tenant, newcomer: SimulatedUser, steps_ahead: int
) -> None:
    begun = await begin_demanded_enrollment(tenant, newcomer)
    passcode = AuthenticatorApp(begun["secret"], tenant.clock).passcode(steps_ahead)

    refused(await confirm(newcomer.browser, begun, passcode), 401, "passcode_incorrect")


async def test_a_newer_enrollment_voids_the_older_one(tenant: Tenant, newcomer: SimulatedUser) -> None:
    older = await begin_demanded_enrollment(tenant, newcomer)
    newer = await begin_again(newcomer.browser, older)
    old_app, new_app = (AuthenticatorApp(begun["secret"], tenant.clock) for begun in (older, newer))
    assert old_app.secret != new_app.secret

    refused(await confirm(newcomer.browser, older, old_app.passcode()), 410, "enrollment_expired")
    refused(await confirm(newcomer.browser, newer, old_app.passcode()), 401, "passcode_incorrect")

    ok(await confirm(newcomer.browser, newer, new_app.passcode()), 201)


async def test_an_enrollment_in_another_sign_in_voids_the_older_one_too(
    tenant: Tenant, newcomer: SimulatedUser
) -> None:
    older = await begin_demanded_enrollment(tenant, newcomer)
    newer = await begin_demanded_enrollment(tenant, newcomer, tenant.browser())
    old_app, new_app = (AuthenticatorApp(begun["secret"], tenant.clock) for begun in (older, newer))

    refused(await confirm(newcomer.browser, older, old_app.passcode()), 410, "enrollment_expired")

    ok(await confirm(newcomer.browser, newer, new_app.passcode()), 201)


async def test_an_enrollment_expires_with_its_sign_in(tenant: Tenant, newcomer: SimulatedUser) -> None:
    first = await begin_demanded_enrollment(tenant, newcomer)
    tenant.clock.turn(minutes=9, seconds=59)
    second = await begin_again(newcomer.browser, first)
    app = AuthenticatorApp(second["secret"], tenant.clock)
    tenant.clock.turn(seconds=1)

    refused(await confirm(newcomer.browser, second, app.passcode()), 401, "sign_in_expired")


async def test_a_kind_that_the_service_does_not_know_is_refused(tenant: Tenant, newcomer: SimulatedUser) -> None:
    token = (await tenant.sign_in(newcomer))["sign_in_token"]

    for kind in ("sms", "email", "TOTP", "", None, ["totp"]):
        body = {"sign_in_token": token, "kind": kind}
        problem = refused(await newcomer.browser.post("/sign-ins/enrollments", json=body), 422, "invalid_request")
        assert problem["errors"][0]["pointer"] == "/kind"
