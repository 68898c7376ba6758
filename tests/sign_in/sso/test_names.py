"""A name that a third party asserts is kept, shortened or left out; it refuses nobody."""

from typing import Any

import pytest

from app.core.callers import Role
from tests.core.test_one_line import REAL_NAMES
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.saml_login import arrive, finish
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.programs.oidc_provider import Issuer, asked_nonce, id_token_sign_in, name_issuer
from tests.support.programs.saml import attribute

EMAIL = "some.body@example.com"
LEFT_OUT = "some.body"  # the name of a new user without one

# What a provider asserts, and the name of a user who is created from it.
ASSERTED = [(name, name) for name in REAL_NAMES] + [
    (" Rene\u0301e\u3000B ", "Ren\u00e9e B"),
    ("x" * 2_000, "x" * 200),
    ("é" * 201, "é" * 200),
    (" ", LEFT_OUT),
    ("\u200d", LEFT_OUT),
    ("\u3164", LEFT_OUT),
    ("An\u202ena", LEFT_OUT),
]
# What XML cannot say too.
ASSERTED_IN_JSON = [*ASSERTED, *((name, LEFT_OUT) for name in ("An\x00na", "An\x1bna", "An\nna", ""))]


def short(value: object) -> str:
    return ascii(value)[:30]


@pytest.mark.parametrize(("name", "kept"), [*ASSERTED_IN_JSON, (None, LEFT_OUT)], ids=short)
async def test_by_jwt(tenant: Tenant, owner: SimulatedUser, name: str | None, kept: str) -> None:
    known = await tenant.person(Role.AGENT)
    assert owner.app

    for email, stored in ((known.user.email, "Somebody"), (EMAIL, kept), (EMAIL, kept)):
        token = token_of(tenant, email=email, name=name, external_id=email)
        answer = ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)
        assert answer["user"]["name"] == stored


@pytest.mark.parametrize("name", [7, True, ["Anna"], {"first": "Anna"}], ids=str)
async def test_by_jwt_with_a_name_that_is_no_text(tenant: Tenant, owner: SimulatedUser, name: object) -> None:
    assert owner.app

    token = token_of(tenant, email=EMAIL, name=name, external_id="somebody")

    assert (
        ok(await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)["user"]["name"] == LEFT_OUT
    )


@pytest.mark.parametrize(("name", "kept"), ASSERTED_IN_JSON, ids=short)
async def test_by_id_token(tenant: Tenant, owner: SimulatedUser, issuer: Issuer, name: str, kept: str) -> None:
    known = await tenant.person(Role.AGENT)
    await name_issuer(owner, issuer, trusted_domains=["example.com"], create_users=True)

    for subject, email, stored in (("one", known.user.email, "Somebody"), ("two", EMAIL, kept)):
        nonce = await asked_nonce(tenant.browser())
        token = issuer.id_token(nonce, email=email, name=name, sub=subject)
        answer = ok(await tenant.browser().post("/sign-ins/oidc", json=id_token_sign_in(token, nonce)), 201)
        assert answer["user"]["name"] == stored


@pytest.mark.parametrize(("name", "kept"), [*ASSERTED, ("An\nna", LEFT_OUT)], ids=short)
async def test_by_saml(tenant: Tenant, saml_owner: SimulatedUser, name: str, kept: str) -> None:
    known = await tenant.person(Role.AGENT)
    assert saml_owner.app

    for subject, email, stored in (("one", known.user.email, "Somebody"), ("two", EMAIL, kept)):
        browser = tenant.browser()
        provider = await arrive(tenant, browser)
        says = attribute("email", email) + attribute("displayName", name)
        answer = await finish(browser, provider.honest(id=f"_{subject}", name_id=subject, attributes=says))
        assert answer["user"]["name"] == stored


async def test_an_address_and_its_punycode_reach_the_same_user(tenant: Tenant, owner: SimulatedUser) -> None:
    known = await tenant.person(Role.AGENT, email="a@müller.example")
    await name_provider(owner, trusted_domains=["müller.example"])

    for email in ("a@xn--mller-kva.example", "A@MÜLLER.example"):
        answer = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, email=email)))
        assert ok(answer, 201)["user"]["id"] == known.id
    answer = await tenant.browser().post(
        "/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, email="a@muller.example"))
    )
    refused(answer, 403, "forbidden")


@pytest.mark.parametrize("claim", ["jti", "email", "external_id"])
async def test_an_id_with_a_control_character_is_still_refused(
    tenant: Tenant, owner: SimulatedUser, claim: str
) -> None:
    assert owner.app
    claims: dict[str, Any] = {claim: "a\u202eb@example.com"}

    response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token_of(tenant, **claims)))

    refused(response, 401, "invalid_credentials")
