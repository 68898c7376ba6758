"""60 KB texts in files, commands, settings and token claims are refused at little CPU cost."""

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.accounts.users.rules import LONGEST_EMAIL, check_email, email_key
from app.administration.user_import.rules import BadLineError, parse_line
from app.commands import provision
from app.commands.command_line import read_password
from app.core.errors import InvalidRequest
from app.core.one_line import BadTextError, line_or_none, one_line
from app.core.settings import Settings, SettingsError, load_settings
from app.credentials.passwords.rules import reason_to_refuse
from app.crypto.passwords import LONGEST_PASSWORD_BYTES, Hasher, normalize_password
from app.sign_in.sso.oidc.rules import read_id_claims
from app.sign_in.sso.saml.messages.refused import SamlRefused
from tests.conftest import CHEAP
from tests.sign_in.sso.saml.reading import NOW, REQUEST, US, read
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.passwords import send
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.programs.saml import EMAIL_FORMAT, LyingProvider, attribute

MARKS = "\u0327\u0301" * 15_000
SECONDS = 0.3
"""Limit of CPU time. Normalizing `MARKS` to NFC takes more than a second."""


@contextmanager
def cheaply() -> Iterator[None]:
    """Assert that the block takes less than `SECONDS` of CPU time."""
    before = time.process_time()
    yield
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("check", [email_key, check_email])
def test_the_length_of_an_address_is_checked_first(check: Any) -> None:
    for text in (MARKS, "a" * (LONGEST_EMAIL + 1), " " * LONGEST_EMAIL + "a"):
        with cheaply(), pytest.raises(InvalidRequest) as caught:
            check(text)
        assert [error.code for error in caught.value.errors] == ["too_long"]
    assert email_key("\u0301" * LONGEST_EMAIL)


async def test_the_byte_length_of_a_password_is_checked_first() -> None:
    hasher = Hasher(CHEAP)
    for text in (MARKS, "a" * (LONGEST_PASSWORD_BYTES + 1), "\u0301" * (LONGEST_PASSWORD_BYTES // 2 + 1)):
        with cheaply():
            with pytest.raises(InvalidRequest):
                normalize_password(text)
            with pytest.raises(InvalidRequest):
                await hasher.verify_password(None, text)
            found = reason_to_refuse(text, about_user=())
        assert found
        assert found[0] == "too_long"
    hasher.close()


def test_long_user_data_makes_the_password_check_no_slower() -> None:
    with cheaply():
        assert reason_to_refuse("correct horse battery", about_user=(MARKS,)) is None


async def test_passwords_and_addresses_at_the_limit_are_checked_and_longer_ones_refused(tenant: Tenant) -> None:
    browser = tenant.browser()
    for email, password, field in (
        ("a" * 320, "x", None),
        ("a" * 321, "x", "/email"),
        ("a@example.com", "🦊" * 256, None),
        ("a@example.com", "🦊" * 256 + "a", "/password"),
        ("a@example.com", "\u0301" * 513, "/password"),
    ):
        response = await send(browser, email, password)
        if field is None:
            refused(response, 401, "invalid_credentials")
        else:
            problem = refused(response, 422, "invalid_request")
            assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(field, "too_long")]


async def test_the_longest_password_can_be_chosen_and_used(owner: SimulatedUser) -> None:
    longest = "🦊🐻" * 128
    body = {"current_password": PASSWORD, "new_password": longest}
    ok(await owner.browser.put("/users/me/password", json=body), 204)

    ok(await send(owner.browser, owner.user.email, longest), 201)


@pytest.mark.parametrize(
    "field", ["email", "name", "role", "external_id", "locale", "password_hash", "totp_secret", "other"]
)
def test_a_field_of_an_import_is_bounded(field: str) -> None:
    fields = {"email": "a@example.com", "name": "A", "role": "agent", field: MARKS}
    line = json.dumps(fields, ensure_ascii=False).encode()
    with cheaply(), pytest.raises(BadLineError):
        parse_line(line)


def test_a_password_on_standard_input_is_read_only_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, length in ((MARKS * 10, LONGEST_PASSWORD_BYTES + 2), ("a" * LONGEST_PASSWORD_BYTES + "\n", 1024)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        with cheaply():
            assert len(read_password(given=True) or "") == length


async def test_an_account_name_has_length_limits(tenant: Tenant) -> None:
    for name in (MARKS, "", "a" * 201):
        with cheaply(), pytest.raises(InvalidRequest):
            await provision.add_account(
                tenant.services, slug="marks", name=name, owner_email="a@example.com", password=None
            )


def test_a_setting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(f"PASSGATE_{name.upper()}", "http://" + MARKS)
    with cheaply(), pytest.raises(SettingsError) as caught:
        load_settings()

    assert {line.partition(":")[0] for line in caught.value.lines} == {
        f"PASSGATE_{name.upper()}" for name in Settings.model_fields
    }


async def test_a_claim_of_a_jwt_is_bounded(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner)
    for claim in ("email", "name", "external_id", "jti"):
        claims: dict[str, Any] = {claim: MARKS[:1800]}
        token = token_of(tenant, **claims)  # 16 KB, because it is escaped twice
        with cheaply():
            response = await tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token))
        if claim == "name":  # no reason to refuse anybody
            assert ok(response, 201)["user"]["name"] == "somebody"
        else:
            refused(response, 401, "invalid_credentials")


@pytest.mark.parametrize("claim", ["email", "sub", "nonce"])
async def test_a_claim_of_an_id_token_is_bounded(tenant: Tenant, claim: str) -> None:
    now = tenant.clock.now()
    claims: dict[str, Any] = {
        "iss": "i",
        "aud": "c",
        "exp": now.timestamp() + 60,
        "iat": now.timestamp(),
        "nonce": "n",
    }
    claims |= {"email": "a@example.com", "name": MARKS, "sub": "1", claim: MARKS}
    with cheaply(), pytest.raises(ValueError, match=claim):
        read_id_claims(claims, issuer="i", client_id="c", nonce="n", now=now)


@pytest.mark.parametrize(
    "says",
    [{"name_id": MARKS, "name_format": EMAIL_FORMAT}, {"attributes": attribute("email", MARKS)}],
    ids=["name", "attribute"],
)
def test_a_text_of_a_saml_response_is_bounded(says: dict[str, str]) -> None:
    document = LyingProvider(US.acs_url, US.entity_id, REQUEST, NOW).honest(**says)
    with cheaply(), pytest.raises(SamlRefused):
        read(document)


@pytest.mark.parametrize("longest", [64, 200, 500])
def test_a_name_is_bounded(longest: int) -> None:
    for text in (MARKS, "e" + MARKS, "\ufb2c" * 20_000):
        with cheaply(), pytest.raises(BadTextError):
            one_line(text, longest)
        with cheaply():
            assert len(line_or_none(text, longest) or "") <= longest
