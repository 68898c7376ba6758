"""Links over HTTP: who gets them, what they do, and that each works once."""

import pytest

from app.core.callers import Role
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.clock import TurnableClock
from tests.support.observe.jobs import all_done, working
from tests.support.observe.mailbox import Mailbox, empty_mailbox

NEW = "another long enough password"


@pytest.fixture
async def mailbox(tenant: Tenant) -> Mailbox:
    return await empty_mailbox(tenant)


async def redeem(tenant: Tenant, token: str, password: str = NEW) -> int:
    body = {"token": token, "new_password": password}
    return (await tenant.browser().post("/password-links/redemption", json=body)).status_code


async def test_a_link_sets_a_new_password_once(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email.upper()}), 202)
    token = await mailbox.token(person.user.email)

    assert await redeem(tenant, token) == 204
    assert await redeem(tenant, token) == 410
    await tenant.sign_in(person, password=NEW)
    answer = await tenant.browser().post("/sign-ins", json={"email": person.user.email, "password": PASSWORD})
    refused(answer, 401, "invalid_credentials")


async def test_a_link_ends_sessions_devices_and_sign_ins_and_leaves_the_second_factor(
    tenant: Tenant, mailbox: Mailbox
) -> None:
    person = await tenant.enrolled()
    await tenant.pass_passcode(person)
    waiting = await tenant.asked(person)
    await mailbox.read()
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    token = await mailbox.token(person.user.email)

    assert await redeem(tenant, token) == 204

    refused(await person.browser.get("/session"), 401, "unauthenticated")
    answer = await tenant.sign_in(person, person.browser, password=NEW)
    assert answer["status"] == "passcode_required"
    body = {"sign_in_token": waiting, "passcode": person.authenticator.next_passcode()}
    refused(await tenant.browser().post("/sign-ins/passcode", json=body), 401, "sign_in_expired")


async def test_an_unknown_address_gets_the_same_answer_and_no_e_mail(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    known = await tenant.browser().post("/password-links", json={"email": person.user.email})
    unknown = await tenant.browser().post("/password-links", json={"email": "nobody@example.com"})
    suspended = await tenant.person(status="suspended")
    ok(await tenant.browser().post("/password-links", json={"email": suspended.user.email}), 202)

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.headers.keys() == unknown.headers.keys()
    assert len(await mailbox.read()) == 1


async def test_a_newer_link_voids_the_older(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    tokens = []
    for _ in range(2):
        ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
        tokens.append(await mailbox.token(person.user.email))

    assert await redeem(tenant, tokens[0]) == 410
    assert await redeem(tenant, tokens[1]) == 204


async def test_a_changed_token_and_a_link_after_an_hour_are_refused(
    tenant: Tenant, mailbox: Mailbox, clock: TurnableClock
) -> None:
    person = await tenant.person()
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    token = await mailbox.token(person.user.email)

    assert await redeem(tenant, token[:-1] + ("A" if token[-1] != "A" else "B")) == 410
    clock.turn(minutes=60)
    assert await redeem(tenant, token) == 410


async def test_a_refused_password_does_not_use_up_the_link(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    token = await mailbox.token(person.user.email)

    assert await redeem(tenant, token, "password1") == 422
    assert await redeem(tenant, token, "short") == 422
    assert await redeem(tenant, token, person.user.email) == 422
    assert await redeem(tenant, token) == 204


async def test_e_mails_to_one_address_are_limited_silently(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    for _ in range(8):
        ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    async with working(tenant.services):
        await all_done(tenant.services)

    assert len(await mailbox.read()) <= 5


async def test_requests_from_one_ip_address_are_limited(tenant: Tenant, mailbox: Mailbox) -> None:
    browser = tenant.browser(ip="192.0.2.7")
    for number in range(30):
        ok(await browser.post("/password-links", json={"email": f"nobody{number}@example.com"}), 202)

    refused(await browser.post("/password-links", json={"email": "n@example.com"}), 429, "too_many_requests")
    assert await mailbox.read() == []


async def test_an_invitation_lets_a_new_user_choose_the_first_password(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox, clock: TurnableClock
) -> None:
    body = {"email": "new@example.com", "name": "New", "role": "agent"}
    ok(await owner.browser.post("/users", json=body), 201)
    token = await mailbox.token("new@example.com")
    clock.turn(days=6, hours=23)

    assert await redeem(tenant, token) == 204
    answer = await tenant.browser().post("/sign-ins", json={"email": "new@example.com", "password": NEW})
    assert ok(answer, 201)["user"]["role"] == "agent"


async def test_a_new_address_is_used_once_it_is_confirmed(
    tenant: Tenant, owner: SimulatedUser, mailbox: Mailbox
) -> None:
    person = await tenant.enrolled(Role.AGENT)
    await tenant.pass_passcode(person)
    await mailbox.read()
    ok(await owner.browser.patch(f"/users/{person.id}", json={"email": "moved@example.com"}))
    token = await mailbox.token("moved@example.com")
    await tenant.asked(person)  # the old address still signs in

    refused(
        await tenant.browser().post("/password-links/redemption", json={"token": token, "new_password": NEW}),
        410,
        "link_expired",
    )
    ok(await tenant.browser().post("/email-confirmations", json={"token": token}), 204)
    refused(await tenant.browser().post("/email-confirmations", json={"token": token}), 410, "link_expired")

    [(recipient, text)] = await mailbox.read()
    assert person.user.email in recipient
    assert "has been changed" in text
    body = {"email": "moved@example.com", "password": PASSWORD}
    answer = ok(await person.browser.post("/sign-ins", json=body), 201)
    assert answer["status"] == "passcode_required"  # the device is no longer trusted
    old = await tenant.browser().post("/sign-ins", json={"email": person.user.email, "password": PASSWORD})
    refused(old, 401, "invalid_credentials")


async def test_the_database_stores_no_token_that_was_sent(tenant: Tenant, mailbox: Mailbox) -> None:
    person = await tenant.person()
    ok(await tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
    token = await mailbox.token(person.user.email)

    async with tenant.services.database.read() as tx:
        rows = (await tx.exec_driver_sql("SELECT links::text FROM links")).scalars().all()
        jobs = (
            (await tx.exec_driver_sql("SELECT procrastinate_jobs::text FROM procrastinate_jobs")).scalars().all()
        )

    assert rows
    assert not [row for row in [*rows, *jobs] if token in row]
