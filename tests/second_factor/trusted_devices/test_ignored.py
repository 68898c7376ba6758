"""Malformed, foreign, duplicate and oversized device cookies are ignored.

The user is asked for a passcode, and never gets an error (docs/api.md section 4).
"""

from collections.abc import Callable

import pytest

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.devices import cookie_name, device_token, is_asked, is_asked_with, trusted_person
from tests.support.account.variants import another_account

OTHER_ID = "0192f0c0-0000-7000-8000-000000000000"


def flip(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


HEADERS: dict[str, Callable[[str, str], list[str | bytes]]] = {
    "no value": lambda name, _: [f"{name}="],
    "no equals sign": lambda name, _: [name],
    "no secret": lambda name, token: [f"{name}={token.split('.')[0]}"],
    "an empty secret": lambda name, token: [f"{name}={token.split('.')[0]}."],
    "no id": lambda name, token: [f"{name}=pgd_.{token.split('.')[1]}"],
    "another id": lambda name, token: [f"{name}=pgd_{OTHER_ID}.{token.split('.')[1]}"],
    "another secret": lambda name, token: [f"{name}={token.split('.')[0]}.{'A' * 43}"],
    "one bit of the secret": lambda name, token: [f"{name}={flip(token, 50)}"],
    "a secret cut short": lambda name, token: [f"{name}={token[:-1]}"],
    "a secret with more behind it": lambda name, token: [f"{name}={token}A"],
    "no prefix": lambda name, token: [f"{name}={token.removeprefix('pgd_')}"],
    "a session's prefix": lambda name, token: [f"{name}={token.replace('pgd_', 'pgs_')}"],
    "upper case": lambda name, token: [f"{name}={token.upper()}"],
    "a prefix in upper case": lambda name, token: [f"{name}={token.replace('pgd_', 'PGD_')}"],
    "an id in upper case": lambda name, token: [f"{name}={token[:40].upper()}{token[40:]}"],
    "an id without dashes": lambda name, token: [f"{name}={token[:40].replace('-', '')}{token[40:]}"],
    "an id in braces": lambda name, token: [f"{name}=pgd_{{{token[4:40]}}}{token[40:]}"],
    "quotes": lambda name, token: [f'{name}="{token}"'],
    "a space before": lambda name, token: [f"{name}= {token}"],
    "an encoded dot": lambda name, token: [f"{name}={token.replace('.', '%2E')}"],
    "a comma behind": lambda name, token: [f"{name}={token},{token}"],
    "two dots": lambda name, token: [f"{name}={token.replace('.', '..')}"],
    "oversized": lambda name, token: [f"{name}={token}{'A' * 5000}"],
    "oversized before": lambda name, token: [f"{name}={'A' * 5000}{token}"],
    "bytes that are no text": lambda name, token: [f"{name}={token}".encode() + b"\xff\xfe"],
    "another case of the name": lambda name, token: [f"{name.upper()}={token}"],
    "a longer name": lambda name, token: [f"{name}0={token}"],
    "a shorter name": lambda name, token: [f"{name[:-1]}={token}"],
    "the name alone": lambda _, token: [f"passgate_device_={token}"],
    "doubled, equal": lambda name, token: [f"{name}={token}; {name}={token}"],
    "doubled, the right one first": lambda name, token: [f"{name}={token}; {name}={flip(token, 50)}"],
    "doubled, the right one last": lambda name, token: [f"{name}=x; {name}={token}"],
    "doubled, one empty": lambda name, token: [f"{name}={token}; {name}="],
    "doubled in two headers": lambda name, token: [f"{name}={token}", f"{name}={token}"],
}


@pytest.mark.parametrize("case", HEADERS)
async def test_a_cookie_that_is_not_exactly_what_was_set_is_ignored(tenant: Tenant, case: str) -> None:
    person = await trusted_person(tenant)
    headers = HEADERS[case](cookie_name(person), device_token(person))

    assert await is_asked_with(tenant, person, *headers)
    assert not await is_asked(tenant, person)  # and the cookie that was set still works


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "theme=dark; {}",
        "{}; theme=dark",
        "passgate_device_0000000000000000=x; {}",
        "a=b;{};c=d",
        '{}; q="x; y"',
    ],
)
async def test_the_cookie_is_found_among_others(tenant: Tenant, around: str) -> None:
    person = await trusted_person(tenant)
    header = around.format(f"{cookie_name(person)}={device_token(person)}")

    assert not await is_asked_with(tenant, person, header)


async def test_the_cookie_of_another_user_is_ignored(tenant: Tenant) -> None:
    person, other = await trusted_person(tenant), await trusted_person(tenant)
    theirs = device_token(other)

    assert await is_asked_with(tenant, person, f"{cookie_name(other)}={theirs}")
    assert await is_asked_with(tenant, person, f"{cookie_name(person)}={theirs}")
    assert await is_asked_with(tenant, person, f"{cookie_name(other)}={device_token(person)}")
    assert await is_asked(tenant, person, other.browser)


async def test_the_secret_of_one_device_with_the_id_of_another_is_ignored(tenant: Tenant) -> None:
    person = await trusted_person(tenant)
    first = device_token(person)
    person.browser = tenant.browser()
    await tenant.pass_passcode(person)
    second = device_token(person)

    crossed = f"{first.split('.')[0]}.{second.split('.')[1]}"

    assert await is_asked_with(tenant, person, f"{cookie_name(person)}={crossed}")
    for own in (first, second):
        assert not await is_asked_with(tenant, person, f"{cookie_name(person)}={own}")


async def test_the_cookie_of_another_account_is_ignored(tenant: Tenant) -> None:
    elsewhere = await another_account(tenant)
    person = await trusted_person(tenant)
    namesake = await elsewhere.person(email=person.user.email)
    await elsewhere.sign_in(namesake)
    await elsewhere.enroll(namesake)

    token = device_token(person)

    assert await is_asked_with(elsewhere, namesake, f"{cookie_name(namesake)}={token}")
    assert await is_asked_with(elsewhere, namesake, f"{cookie_name(person)}={token}")
    assert not await is_asked(tenant, person)


async def test_a_cookie_has_no_effect_for_a_user_who_must_enroll(tenant: Tenant, owner: SimulatedUser) -> None:
    person = await trusted_person(tenant)
    token = device_token(person)
    await tenant.step_up(person)
    assert (await person.browser.delete("/users/me/two-factor")).status_code == 204
    await tenant.require(owner, team_members=True)

    browser = tenant.browser()
    browser.cookies.set(cookie_name(person), token, domain="127.0.0.1")

    assert (await tenant.sign_in(person, browser))["status"] == "enrollment_required"
