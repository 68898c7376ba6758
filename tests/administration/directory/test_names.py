"""Names as people write them, and one rule for the domains of e-mail addresses."""

import asyncio

import pytest

from app.core.callers import Role
from tests.core.test_one_line import REAL_NAMES
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import basic
from tests.support.account.paging import items
from tests.support.account.passwords import send
from tests.support.observe.mailbox import empty_mailbox

USERS = "/users"
NFD = "Rene\u0301e"
NFC = "Ren\u00e9e"
SPELLINGS = ("a@müller.example", "a@MU\u0308LLER.example", "A@xn--mller-kva.example", "a@XN--MLLER-KVA。example")


async def found(client: Client, text: str) -> set[str]:
    return {user["id"] for user in await items(client, USERS, q=text)}


@pytest.mark.parametrize("name", REAL_NAMES, ids=ascii)
async def test_a_real_name_is_kept_and_found(owner: SimulatedUser, name: str) -> None:
    made = ok(await owner.browser.post(USERS, json={"email": "a@b.example", "name": name, "role": "agent"}), 201)
    assert made["name"] == name

    assert made["id"] in await found(owner.browser, name)
    changed = ok(await owner.browser.patch(f"{USERS}/{made['id']}", json={"name": f" {name}\u3000{name}"}))
    assert changed["name"] == f"{name} {name}"


async def test_a_name_is_found_in_nfc_and_nfd_and_with_any_space(tenant: Tenant, owner: SimulatedUser) -> None:
    made = {}
    for place, name in enumerate((NFD, NFC, "山田\u3000太郎")):
        body = {"email": f"a{place}@b.example", "name": name, "role": "agent"}
        made[name] = ok(await owner.browser.post(USERS, json=body), 201)["id"]
    by_address = await tenant.person(email=f"{NFD}@c.example")

    for text in (NFD, NFC, NFD.upper()):
        assert await found(owner.browser, text) == {made[NFD], made[NFC], by_address.id}
    for text in ("山田 太郎", "山田\u3000太郎", "田\u00a0太"):
        assert await found(owner.browser, text) == {made["山田\u3000太郎"]}
    assert await found(owner.browser, " ") == {made["山田\u3000太郎"]}


async def test_an_address_is_found_by_a_letter_whose_folding_decomposes_it(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    person = await tenant.person(email="\u01f0an@example.com", name="\u01f0an")

    for text in ("\u01f0", "j\u030c", "\u01f0an@EX", "J\u030can@"):
        assert await found(owner.browser, text) == {person.id}


@pytest.mark.parametrize("stored", SPELLINGS, ids=ascii)
async def test_an_address_and_its_punycode_are_one(tenant: Tenant, owner: SimulatedUser, stored: str) -> None:
    person, mailbox = await tenant.person(Role.ADMIN, email=stored), await empty_mailbox(tenant)
    admin = await tenant.signed_in(Role.ADMIN)

    for email in SPELLINGS:
        answer = ok(await send(tenant.browser(), email, PASSWORD), 201)
        assert answer["user"]["email"] == stored
        body = {"email": email, "name": "Another", "role": "agent"}
        refused(await owner.browser.post(USERS, json=body), 409, "conflict")
        refused(await owner.browser.patch(f"{USERS}/{admin.id}", json={"email": email}), 409, "conflict")
        assert await found(owner.browser, email) == {person.id}
    for part in ("müller", "MÜLLER.EX", "@mu\u0308ller", "xn--mller-kva.example", "A@xn--mller-kva.example"):
        assert await found(owner.browser, part) == {person.id}

    ok(await tenant.browser().post("/password-links", json={"email": SPELLINGS[2]}), 202)
    [(to, _)] = await mailbox.read()
    assert "ller" in to.lower()


async def test_of_two_spellings_at_once_one_is_taken(owner: SimulatedUser) -> None:
    bodies = [{"email": email, "name": "A", "role": "agent"} for email in SPELLINGS]

    answers = await asyncio.gather(*(owner.browser.post(USERS, json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await items(owner.browser, USERS)) == 2


async def test_an_api_token_takes_every_spelling_of_its_owner_s_address(tenant: Tenant) -> None:
    admin = await tenant.person(Role.ADMIN, email=SPELLINGS[0])
    await tenant.sign_in(admin)
    body = {"description": "  a\u3000script ", "scopes": ["users:read"]}
    made = ok(await admin.browser.post("/api-tokens", json=body), 201)
    assert made["description"] == "a script"

    for email in SPELLINGS:
        headers = {"Authorization": basic(f"{email}/token", made["token"])}
        ok(await tenant.browser().get(USERS, headers=headers))
    headers = {"Authorization": basic("a@muller.example/token", made["token"])}
    refused(await tenant.browser().get(USERS, headers=headers), 401, "unauthenticated")


async def test_sharp_s_and_double_s_in_a_domain_are_two_addresses(tenant: Tenant, owner: SimulatedUser) -> None:
    people = {}
    for email in ("a@straße.example", "a@strasse.example"):
        people[email] = await tenant.person(email=email)

    for email, person in people.items():
        for written in (email, email.replace("ß", "ẞ").replace("e", "E")):
            answer = ok(await send(tenant.browser(), written, PASSWORD), 201)
            assert answer["user"]["id"] == person.id
        assert person.id in await found(owner.browser, email)
    assert await found(owner.browser, "xn--strae-oqa") == {people["a@straße.example"].id}


@pytest.mark.parametrize("email", ["a@xn--a.example", "a@-b.example", "a@b_c.example", "a@\u200db.example"])
async def test_an_address_whose_domain_is_not_valid_is_refused(owner: SimulatedUser, email: str) -> None:
    body = {"email": email, "name": "A", "role": "agent"}

    problem = refused(await owner.browser.post(USERS, json=body), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/email"]
    refused(await send(owner.browser, email, PASSWORD), 401, "invalid_credentials")


async def test_labels_follow_the_rule_of_names(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    [authenticator] = ok(await person.browser.get("/users/me/two-factor"))["authenticators"]
    path = f"/users/me/two-factor/authenticators/{authenticator['id']}"

    for label, kept in ((" گوشی\u200cمن\u3000", "گوشی\u200cمن"), (NFD, NFC), ("📱\ufe0f", "📱\ufe0f")):
        assert ok(await person.browser.patch(path, json={"label": label}))["label"] == kept
    for label in ("a\nb", "a\u202eb", "\u200d", "\u3164"):
        refused(await person.browser.patch(path, json={"label": label}), 422, "invalid_request")
