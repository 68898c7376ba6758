"""A secret is in no audit event, in no log line and in no table, whatever was done with it."""

import json
import re
from datetime import timedelta

from structlog.testing import capture_logs

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.enrolling import app_of, begin, confirm, enroll_at_sign_in
from tests.support.account.secrets import NEW_PASSWORD, Secrets
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql

REASON = "lost the phone"


async def use_everything(tenant: Tenant, secrets: Secrets) -> None:
    """Use every feature, with right and wrong input, and note each secret."""
    owner = await tenant.signed_in(Role.OWNER)
    begun = await begin(owner)
    secrets.note_secret(begun["secret"])
    owner.app = app_of(tenant, begun)
    wrong = owner.app.wrong_passcode()
    refused(await confirm(owner, begun, wrong), 401, "passcode_incorrect")
    secrets.passcodes |= {wrong, owner.app.passcode()}
    owner.recovery_codes = ok(await confirm(owner, begun, owner.app.passcode()), 201)["recovery_codes"]
    secrets.note_codes(owner.recovery_codes)
    secrets.note_session(owner)

    await tenant.require(owner, end_users=True)
    person = await tenant.person(Role.END_USER)
    await enroll_at_sign_in(tenant, person)
    secrets.note_secret(person.authenticator.secret)
    secrets.note_codes(person.recovery_codes)

    token = await tenant.asked(person)
    secrets.note(token)
    for passcode in (wrong, person.authenticator.passcode(-1), "zzzzzzz-zzzzzzz"):
        body = {"sign_in_token": token, "passcode": passcode}
        assert (await person.browser.post("/sign-ins/passcode", json=body)).status_code == 401
        secrets.passcodes.add(passcode)
    await tenant.pass_passcode(person)
    secrets.passcodes.add(person.authenticator.passcode())
    secrets.note_session(person)
    await tenant.sign_in(person)
    secrets.note_session(person)
    await tenant.pass_passcode(person, tenant.browser(), passcode=person.recovery_codes[0])

    ok(await person.browser.post("/session/step-up", json={"passcode": person.recovery_codes[1]}))
    wrong_change = {"current_password": "not the password", "new_password": NEW_PASSWORD}
    refused(await person.browser.put("/users/me/password", json=wrong_change), 401, "invalid_credentials")
    change = wrong_change | {"current_password": PASSWORD}
    ok(await person.browser.put("/users/me/password", json=change), 204)
    bad = {"email": person.user.email, "password": "not the password"}
    refused(await tenant.browser().post("/sign-ins", json=bad), 401, "invalid_credentials")
    refused(await person.browser.patch("/security-policy", json={}), 403, "forbidden")

    await tenant.step_up(owner)
    path = f"/users/{person.id}/two-factor/recovery-codes"
    secrets.note_codes(ok(await owner.browser.post(path, json={"reason": REASON}), 201)["recovery_codes"])
    secrets.note_codes(ok(await owner.browser.post("/users/me/two-factor/recovery-codes"), 201)["recovery_codes"])
    ok(await owner.browser.patch("/security-policy", json={"trusted_device_days": 7, "end_sessions": True}))
    ok(await owner.browser.delete("/users/me/two-factor"), 204)
    ok(await owner.browser.delete("/session"), 204)


async def test_no_audit_event_holds_a_secret(tenant: Tenant) -> None:
    secrets = Secrets()
    await use_everything(tenant, secrets)

    events = await AuditTrail(tenant).new()

    assert len({event.type for event in events}) >= 16
    for event in events:
        text = json.dumps([event.details, event.type, event.ip, event.user_agent, event.request_id])
        assert not secrets.found_in(text), event.type
        passcodes = [code for code in secrets.passcodes if re.search(rf"\b{code}\b", text)]
        assert not passcodes, event.type


async def test_no_log_line_holds_a_secret(tenant: Tenant) -> None:
    secrets = Secrets()
    with capture_logs() as logged:
        await use_everything(tenant, secrets)

    assert "/security-policy" in str(logged)
    assert not secrets.found_in(str(logged))


async def test_no_table_holds_a_usable_secret(tenant: Tenant) -> None:
    secrets = Secrets()
    await use_everything(tenant, secrets)
    tables = await run_sql(
        tenant, "SELECT table_name FROM information_schema.columns WHERE column_name = 'account_id'"
    )
    assert len(tables) >= 11

    for (table,) in tables:
        rows = await run_sql(tenant, f"SELECT t::text FROM {table} t WHERE account_id = :account")  # noqa: S608 -- ours
        for (row,) in rows:
            text = row if table != "users" else re.sub(r"\$argon2id\S+", "", row)
            assert not secrets.found_in(text), table


async def test_only_known_event_types_are_recorded_with_the_services_time(tenant: Tenant) -> None:
    tenant.clock.turn(days=400)
    begun_at = tenant.clock.now()
    await use_everything(tenant, Secrets())

    events = await AuditTrail(tenant).new()

    assert all(begun_at <= event.at <= begun_at + timedelta(hours=1) for event in events)
    assert {event.type for event in events} == {
        "access.denied",
        "authenticator.added",
        "authenticator.removed",
        "enrollment.begun",
        "passcode.failed",
        "passcode.replayed",
        "password.changed",
        "password.failed",
        "policy.changed",
        "recovery_code.used",
        "recovery_codes.regenerated",
        "session.ended",
        "session.stepped_up",
        "sign_in.failed",
        "sign_in.succeeded",
        "sign_in.waiting",
        "trusted_device.added",
        "trusted_device.revoked",
        "two_factor.turned_off",
        "two_factor.turned_on",
    }
