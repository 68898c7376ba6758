"""Trusted domains are compared as A-labels (UTS 46), so lookalike domains differ."""

import pytest

from app.accounts.users.rules import a_labels, email_domain, same_mailbox
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.third_parties import JWT, jwt_sign_in, name_provider, token_of

PATH = "/sign-ins/jwt"


@pytest.mark.parametrize(
    ("trusted", "domain", "status"),
    [
        ("strasse.example", "straße.example", 403),
        ("straße.example", "strasse.example", 403),
        ("straße.example", "straße.example", 201),
        ("STRAẞE.example", "xn--strae-oqa.example", 201),
        ("münchen.example", "xn--mnchen-3ya.example", 201),
        ("xn--mnchen-3ya.example", "MÜNCHEN.example", 201),
        ("münchen.example", "mu\u0308nchen.example", 201),
        ("example.com", "\u0435xample.com", 403),  # a Cyrillic letter
        ("example.com", "sub.example.com", 403),
        ("example.com", "example.com.", 403),
        ("example.com", "exаmple.com", 403),  # noqa: RUF001 -- as above
        ("σίσυφος.example", "σίσυφοσ.example", 403),
    ],
)
async def test_users_are_created_for_a_trusted_domain_and_not_for_lookalikes(
    tenant: Tenant, owner: SimulatedUser, trusted: str, domain: str, status: int
) -> None:
    await name_provider(owner, trusted_domains=[trusted])

    response = await tenant.browser().post(
        PATH, json=jwt_sign_in(token_of(tenant, email=f"alice@{domain}", external_id="crm-1"))
    )

    assert response.status_code == status, response.text


@pytest.mark.parametrize(
    ("stored", "claimed"),
    [
        ("strasse@corp.example", "straße@corp.example"),
        ("alias@corp.example", "alia\u017f@corp.example"),
    ],
)
async def test_an_address_equal_only_after_case_folding_is_not_that_user(
    tenant: Tenant, owner: SimulatedUser, stored: str, claimed: str
) -> None:
    await tenant.person(email=stored)
    await name_provider(owner, trusted_domains=["straße.example", "corp.example"])

    response = await tenant.browser().post(PATH, json=jwt_sign_in(token_of(tenant, email=claimed)))

    refused(response, 403, "forbidden")


async def test_a_domain_equal_only_after_case_folding_makes_another_user(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    known = await tenant.person(email="alice@strasse.example")
    await name_provider(owner, trusted_domains=["straße.example"])

    token = token_of(tenant, email="alice@straße.example", external_id="alice")
    made = ok(await tenant.browser().post(PATH, json=jwt_sign_in(token)), 201)

    assert made["user"]["id"] != known.id
    token = token_of(tenant, email="ALICE@xn--strae-oqa.example")
    found = ok(await tenant.browser().post(PATH, json=jwt_sign_in(token)), 201)
    assert found["user"]["id"] == made["user"]["id"]


async def test_domains_are_shown_as_they_are_compared(owner: SimulatedUser) -> None:
    shown = await name_provider(
        owner, trusted_domains=["münchen.example", "XN--MNCHEN-3YA.example", "Example.COM"]
    )

    assert shown["trusted_domains"] == ["example.com", "xn--mnchen-3ya.example"]


NO_DOMAINS = ["", ".", "a..b", "-a.example", "a_b.example", "a b.example", "@a.example", "a.example.", "*.example"]
NO_DOMAINS += [
    "xn--a.b",
    "ab--cd.example",
    "a" * 64 + ".example",
    "a." * 126 + "ab",
    "a\u200d.example",
    "a。",
    "[::1]",
]


@pytest.mark.parametrize("domain", NO_DOMAINS)
async def test_an_invalid_domain_is_refused(owner: SimulatedUser, domain: str) -> None:
    body = JWT | {"trusted_domains": ["example.com", domain]}

    problem = refused(await owner.browser.put("/sso-providers/x", json=body), 422, "invalid_request")

    assert [error["pointer"] for error in problem["errors"]] == ["/trusted_domains/1"]


def test_an_address_without_a_domain_has_none() -> None:
    for email in ("example.com", "", "alice@", "alice@-x.example", "alice@" + "ä" * 300):
        assert email_domain(email) is None
        assert not same_mailbox(email, email)
    assert email_domain(" alice@b@Example.com ") == "example.com"
    assert a_labels("faß.example") != a_labels("fass.example")
