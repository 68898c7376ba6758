"""What an ID token must say (OpenID Connect Core 3.1.3.7)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.sign_in.sso.oidc.rules import read_id_claims
from app.sign_in.sso.rules import Identity

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


def read(**claims: Any) -> Identity:
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
        {"nbf": SECONDS},
        {"exp": SECONDS + 0.5},
        {"unknown": {"deep": [1]}},
    ],
)
def test_valid_claims_are_read(claims: dict[str, Any]) -> None:
    assert read(**claims) == Identity("a@example.com", "Söhne", email_verified=True, subject="subject-1")


@pytest.mark.parametrize("name", [..., None, ""])
def test_a_name_may_be_missing(name: Any) -> None:
    assert read(name=name).name is None


NO_TIME: list[Any] = [..., None, "", str(SECONDS), True, [SECONDS], {}, 10**400, float("inf"), float("nan")]
NO_TEXT: list[Any] = [..., None, "", 7, True, ["x"], {}, "x" * 256, "a\nb", "a\x00b", "a\u202eb"]
WRONG: dict[str, list[Any]] = {
    "iss": [*NO_TEXT, "https://id.example.com/", "http://id.example.com", "HTTPS://id.example.com"],
    "aud": [*NO_TEXT, "them", [], ["them"], ["us", 7], [["us"]], "us ", {"us": "us"}],
    "exp": [*NO_TIME, SECONDS, SECONDS - 1, 0, -1],
    "iat": [*NO_TIME, SECONDS + 181],
    "nbf": [*NO_TIME[1:], SECONDS + 1],
    "nonce": [*NO_TEXT, "N", "n ", "ä"],
    "sub": NO_TEXT,
    "email": NO_TEXT,
    "name": [7, True, ["x"], "x" * 256, "a\u202eb"],
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
    assert read(email_verified=verified).email_verified is False
