"""What the headers of `/authorize` say about the caller, for an API behind a gateway."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.callers import Role
from app.web.wire import header_text
from tests.support.account.arrange import Tenant


@pytest.mark.parametrize(
    "email",
    ["ann@example.com", "zoë@example.com", "zo%C3%AB@example.com", "100%@example.com", "a%25b@example.com"],
)
async def test_unquoting_the_address_in_the_header_gives_the_users_address(tenant: Tenant, email: str) -> None:
    person = await tenant.person(Role.AGENT, email=email)
    await tenant.sign_in(person)

    answer = await person.browser.get("/authorize")

    assert answer.status_code == 204
    assert unquote(answer.headers["passgate-user-email"], errors="strict") == email


async def test_different_addresses_give_different_headers(tenant: Tenant) -> None:
    headers = set()
    for email in ("zoë@example.com", "zo%C3%AB@example.com", "zo%25C3%25AB@example.com"):
        person = await tenant.person(Role.AGENT, email=email)
        await tenant.sign_in(person)
        headers.add((await person.browser.get("/authorize")).headers["passgate-user-email"])

    assert len(headers) == 3


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_round_trips_through_a_header(text: str) -> None:
    header = header_text(text)

    assert unquote(header, errors="strict") == text
    assert header.isascii()
    assert header.isprintable()
    assert " " not in header
