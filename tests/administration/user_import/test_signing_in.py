"""Imported users sign in; the duration of a failure does not reveal who was imported."""

import base64

import pytest

from app.crypto.password_hashes import kind_of
from tests.conftest import CHEAP
from tests.support.account.arrange import PASSWORD as OUR_PASSWORD
from tests.support.account.arrange import Tenant
from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.client import ok, refused
from tests.support.account.importing import ARGON2, BCRYPT, PASSWORD, SECRET, import_into, line
from tests.support.account.passwords import send
from tests.support.observe.hashing_work import counted_work
from tests.support.observe.sql import run_sql

OURS = f"$argon2id$v=19${CHEAP.encode()}"


async def stored_hash(tenant: Tenant, email: str) -> str:
    [(found,)] = await run_sql(
        tenant, "SELECT password_hash FROM users WHERE account_id = :account AND email = :email", email=email
    )
    return str(found)


@pytest.mark.parametrize("imported", [ARGON2, BCRYPT, BCRYPT.replace("$2b$", "$2y$")], ids=["argon2", "2b", "2y"])
async def test_an_imported_password_signs_in_and_its_hash_is_renewed(tenant: Tenant, imported: str) -> None:
    await import_into(tenant, line("eve@example.com", password_hash=imported))
    browser = tenant.browser()
    refused(await send(browser, "eve@example.com", "wrong"), 401, "invalid_credentials")
    before = await stored_hash(tenant, "eve@example.com")
    assert before in {ARGON2, BCRYPT}

    answer = ok(await send(browser, "EVE@example.com", PASSWORD), 201)

    assert answer["status"] == "complete"
    after = await stored_hash(tenant, "eve@example.com")
    assert kind_of(after) == OURS
    assert ok(await send(browser, "eve@example.com", PASSWORD), 201)["status"] == "complete"
    assert await stored_hash(tenant, "eve@example.com") == after
    refused(await send(browser, "eve@example.com", "wrong"), 401, "invalid_credentials")


async def test_a_user_without_a_password_does_not_sign_in(tenant: Tenant) -> None:
    await import_into(tenant, line("eve@example.com"))

    for password in ("", PASSWORD):
        refused(await send(tenant.browser(), "eve@example.com", password), 401, "invalid_credentials")


async def test_an_imported_totp_secret_is_required_and_a_passcode_works_once(tenant: Tenant) -> None:
    await import_into(tenant, line("eve@example.com", password_hash=BCRYPT, totp_secret=SECRET.lower()))
    app = AuthenticatorApp(SECRET, tenant.clock)
    browser = tenant.browser()

    waiting = ok(await send(browser, "eve@example.com", PASSWORD), 201)

    assert waiting["status"] == "passcode_required"
    assert [(method["kind"], method["label"]) for method in waiting["methods"]] == [("totp", "Authenticator app")]
    given = {"sign_in_token": waiting["sign_in_token"]}
    wrong = await browser.post("/sign-ins/passcode", json=given | {"passcode": app.wrong_passcode()})
    refused(wrong, 401, "passcode_incorrect")
    done = ok(await browser.post("/sign-ins/passcode", json=given | {"passcode": app.passcode()}), 201)
    assert done["session"]["assurance"] == "aal2"
    assert done["recovery_codes_left"] == 0
    assert kind_of(await stored_hash(tenant, "eve@example.com")) == OURS
    browser.token = done["session"]["token"]
    mine = ok(await browser.get("/users/me/two-factor"))
    assert mine["turned_on_by_user"] is True

    again = ok(await send(tenant.browser(), "eve@example.com", PASSWORD), 201)
    used = {"sign_in_token": again["sign_in_token"], "passcode": app.passcode()}
    refused(await browser.post("/sign-ins/passcode", json=used), 401, "passcode_already_used")


async def test_a_failed_sign_in_costs_the_same_hashing_work_for_every_user(tenant: Tenant) -> None:
    ordinary, suspended = await tenant.person(), await tenant.person(status="suspended")
    await import_into(
        tenant,
        line("bcrypt@example.com", password_hash=BCRYPT),
        line("argon2@example.com", password_hash=ARGON2),
        line("suspended@example.com", password_hash=BCRYPT),
        line("without@example.com"),
    )
    statement = "UPDATE users SET status = 'suspended' WHERE account_id = :account AND email LIKE 'suspended%'"
    await run_sql(tenant, statement)
    failing = [
        ("unknown@example.com", "wrong"),
        (ordinary.user.email, "wrong"),
        (suspended.user.email, "wrong"),
        (suspended.user.email, OUR_PASSWORD),
        ("bcrypt@example.com", "wrong"),
        ("argon2@example.com", "wrong"),
        ("suspended@example.com", "wrong"),
        ("suspended@example.com", PASSWORD),
        ("without@example.com", "wrong"),
    ]
    for number, (email, password) in enumerate(failing):
        with counted_work() as done:
            refused(
                await send(tenant.browser(ip=f"192.0.2.{number}"), email, password), 401, "invalid_credentials"
            )
        assert sorted(done) == ["$2b$04", "$argon2id$v=19$m=128,t=2,p=1", OURS], email

    ok(await send(tenant.browser(), "bcrypt@example.com", PASSWORD), 201)
    await run_sql(tenant, "DELETE FROM users WHERE account_id = :account AND email LIKE 'suspended%'")
    with counted_work() as done:
        refused(await send(tenant.browser(), "unknown@example.com", "wrong"), 401, "invalid_credentials")
    assert sorted(done) == ["$argon2id$v=19$m=128,t=2,p=1", OURS]


async def test_failed_password_access_costs_the_same_work_with_two_factor_on_and_off(tenant: Tenant) -> None:
    owner = await tenant.signed_in()
    await import_into(
        tenant,
        line("plain@example.com", password_hash=BCRYPT),
        line("with@example.com", password_hash=BCRYPT, totp_secret=SECRET),
    )
    await run_sql(tenant, "UPDATE security_policies SET api_password_access = true WHERE account_id = :account")
    failing = [
        ("unknown@example.com", "wrong"),
        ("plain@example.com", "wrong"),
        ("with@example.com", "wrong"),
        ("with@example.com", PASSWORD),
    ]
    for email, password in failing:
        basic = base64.b64encode(f"{email}:{password}".encode()).decode()
        with counted_work() as done:
            answer = await tenant.browser().get("/authorize", headers={"Authorization": f"Basic {basic}"})
        refused(answer, 401, "invalid_credentials")
        assert sorted(done) == ["$2b$04", OURS], email
    assert owner.browser.token
