"""What an ID token must say (OpenID Connect Core 3.1.3.7)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.sign_in.sso.oidc.rules import PersonClaims, read_id_claims
from app.sign_in.sso.rules import Identity, IdentityIncomplete

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
GOOD: dict[str, Any] = {
    "iss": "https://id.example.com",
    "aud": "us",
    "sub": "subject-1",
    "exp": SECONDS + 1,
    "iat": SECONDS,
    "nonce": "n",
    "email": "a@example.com",
    "email_verified": True,
    "name": "Söhne",
}


def read(**claims: Any) -> PersonClaims:
    given = {name: value for name, value in (GOOD | claims).items() if value is not ...}
    return read_id_claims(given, issuer="https://id.example.com", client_id="us", nonce="n", now=NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["us"]},
        {"aud": ["us", "them"], "azp": "us"},
        {"azp": "an app of ours"},
        {"iat": SECONDS + 180},
        {"iat": SECONDS - 86_400},
        {"nbf": SECONDS + 180},
        {"exp": SECONDS + 0.5},
        {"unknown": {"deep": [1]}},
    ],
)
def test_valid_claims_are_read(claims: dict[str, Any]) -> None:
    found = read(**claims)

    assert found.identity() == Identity("a@example.com", "Söhne", email_verified=True, subject="subject-1")
    assert found.is_complete


@pytest.mark.parametrize("name", [..., None, "", " ", 7, True, ["x"], "a\nb", "a\x00b", "a\u202eb", "\u200d"])
def test_a_name_that_is_missing_or_cannot_be_kept_is_left_out(name: Any) -> None:
    assert read(name=name).name is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (" So\u0308hne\u3000AG ", "Söhne AG"),
        ("x" * 256, "x" * 200),
        ("é" * 60_000, "é" * 200),
        ("👩\u200d" * 200, "👩\u200d" * 99 + "👩"),
    ],
    ids=["spaces", "long", "very long", "joined"],
)
def test_a_name_is_kept_as_it_is_stored(name: str, kept: str) -> None:
    assert read(name=name).name == kept


NO_TIME: list[Any] = [..., None, "", str(SECONDS), True, [SECONDS], {}, 10**400, float("inf"), float("nan")]
NO_TEXT: list[Any] = [..., None, "", 7, True, ["x"], {}, "x" * 256, "a\nb", "a\x00b", "a\u202eb"]
WRONG: dict[str, list[Any]] = {
    "iss": [*NO_TEXT, "https://id.example.com/", "http://id.example.com", "HTTPS://id.example.com"],
    "aud": [*NO_TEXT, "them", [], ["them"], ["us", 7], [["us"]], "us ", {"us": "us"}],
    "exp": [*NO_TIME, SECONDS, SECONDS - 1, 0, -1],
    "iat": [*NO_TIME, SECONDS + 181],
    "nbf": [*NO_TIME[1:], SECONDS + 181],
    "nonce": [*NO_TEXT, "N", "n ", "ä"],
    "sub": NO_TEXT,
    "email": [value for value in NO_TEXT if value not in (..., None, "")],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_claim_that_is_missing_or_wrong_is_refused(name: str) -> None:
    for value in WRONG[name]:
        with pytest.raises(ValueError, match=name):
            read(**{name: value})


@pytest.mark.parametrize("azp", [..., None, "them", ["us"]])
def test_with_several_audiences_azp_must_be_our_client_id(azp: Any) -> None:
    with pytest.raises(ValueError, match="azp"):
        read(aud=["us", "them"], azp=azp)


@pytest.mark.parametrize("verified", [False, None, "true", 1, ...])
def test_only_true_means_verified(verified: Any) -> None:
    assert read(email_verified=verified).identity().email_verified is False


@pytest.mark.parametrize("email", [..., None, ""])
def test_without_an_address_there_is_no_identity(email: Any) -> None:
    found = read(email=email)

    assert not found.is_complete
    with pytest.raises(IdentityIncomplete, match="e-mail address"):
        found.identity()


ONLY_ID = {"email": ..., "email_verified": ..., "name": ...}
USERINFO = PersonClaims("subject-1", "b@example.com", email_verified=True, name="By UserInfo")


def test_userinfo_completes_an_id_token_of_the_same_subject() -> None:
    assert read(**ONLY_ID).completed_by(USERINFO) == USERINFO
    assert read(email=...).completed_by(USERINFO) == replace(USERINFO, name="Söhne")  # not the token's `true`


@pytest.mark.parametrize("subject", ["subject-2", "Subject-1", "subject-1 ", "subject-1\u0301", "subject"])
def test_userinfo_of_another_subject_completes_nothing(subject: str) -> None:
    with pytest.raises(ValueError, match="sub"):
        read(**ONLY_ID).completed_by(replace(USERINFO, subject=subject))


@pytest.mark.parametrize(
    ("says", "verified"),
    [
        ({"email": "a@example.com"}, True),
        ({"email": "a@example.com", "email_verified": False}, False),
        ({"email": "a@example.com", "email_verified": None}, None),
        ({"email": "A@example.com"}, None),
        ({"email": None}, None),
        ({}, None),
    ],
    ids=str,
)
def test_an_address_of_the_token_is_verified_only_if_userinfo_says_so_of_the_same(
    says: dict[str, Any], verified: Any
) -> None:
    found = read(email_verified=...).completed_by(replace(USERINFO, **says))

    assert (found.email, found.email_verified) == ("a@example.com", verified)


def test_what_the_token_says_is_not_changed_by_userinfo() -> None:
    refuted = read(email_verified=False).completed_by(replace(USERINFO, email="a@example.com"))

    assert refuted.identity() == Identity("a@example.com", "Söhne", email_verified=False, subject="subject-1")
