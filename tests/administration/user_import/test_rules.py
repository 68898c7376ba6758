"""One line of an import: the fields it may have, and the reason why it is refused."""

import base64
import json
from typing import Any

import pytest

from app.administration.user_import.rules import BadLineError, check_kind, parse_line
from app.core.callers import Role
from tests.support.account.importing import ARGON2, BCRYPT, SECRET, line

GOOD = line("eve@example.com")


def parse(**changes: Any) -> Any:
    return parse_line(json.dumps(GOOD | changes).encode())


def why(content: bytes) -> str:
    with pytest.raises(BadLineError) as caught:
        parse_line(content)
    return str(caught.value)


def test_a_line_needs_three_fields() -> None:
    user = parse_line(json.dumps(GOOD).encode())

    assert (user.email, user.name, user.role) == ("eve@example.com", "Somebody", Role.END_USER)
    assert (user.external_id, user.locale) == (None, "en")
    assert (user.password_hash, user.totp_secret) == (None, None)


def test_a_line_may_have_optional_fields() -> None:
    user = parse(external_id="crm-7", locale="de-AT", password_hash=ARGON2, totp_secret=SECRET, role="admin")

    assert (user.external_id, user.locale, user.role) == ("crm-7", "de-AT", Role.ADMIN)
    assert user.password_hash == ARGON2
    assert user.totp_secret == b"12345678901234567890"


def test_a_null_field_is_treated_as_missing() -> None:
    nothing: dict[str, Any] = dict.fromkeys(["external_id", "locale", "password_hash", "totp_secret"])

    assert parse(**nothing) == parse()


def test_an_address_is_trimmed_and_keeps_its_letter_case() -> None:
    assert parse(email=" Eve@Example.COM\t").email == "Eve@Example.COM"


@pytest.mark.parametrize("size", [16, 20, 32, 64])
def test_a_totp_secret_is_read_in_every_common_spelling(size: int) -> None:
    secret = bytes(range(size))
    padded = base64.b32encode(secret).decode()
    plain = padded.rstrip("=")
    in_fours = " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))

    for written in (padded, plain, plain.lower(), in_fours, in_fours.lower() + " "):
        assert parse(totp_secret=written).totp_secret == secret


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"email": None}, "email: is missing"),
        ({"email": ""}, "email: is missing"),
        ({"email": "nonsense"}, "email: is not an e-mail address"),
        ({"email": "a@" + "b" * 10_000}, "email: is not an e-mail address"),
        ({"email": 7}, "email: is not a string"),
        ({"name": None}, "name: is missing"),
        ({"name": "x" * 201}, "name: is not 1 to 200 characters without control characters"),
        ({"name": "a\u202eb"}, "name: is not 1 to 200 characters without control characters"),
        ({"name": "a\0b"}, "name: contains NUL or a lone surrogate"),
        ({"name": "a\ud800b"}, "name: contains NUL or a lone surrogate"),
        ({"role": None}, "role: is missing"),
        ({"role": "owner"}, "role: an import cannot create an owner"),
        ({"role": "king"}, "role: is not one of admin, agent, end_user"),
        ({"role": "Agent"}, "role: is not one of admin, agent, end_user"),
        ({"role": ["agent"]}, "role: is not a string"),
        ({"external_id": ""}, "external_id: is not 1 to 255 characters without control characters"),
        ({"external_id": "x" * 256}, "external_id: is not 1 to 255 characters without control characters"),
        ({"external_id": 7}, "external_id: is not a string"),
        ({"locale": "German"}, "locale: is not a language tag such as en, de-AT or zh-Hans"),
        ({"password_hash": "5f4dcc3b5aa765d61d8327deb882cf99"}, "password_hash: is neither an Argon2 hash"),
        (
            {"password_hash": BCRYPT.replace("$04$", "$15$")},
            "password_hash: is a bcrypt hash of a cost other than 4 to 14",
        ),
        ({"password_hash": ARGON2.replace("m=128", "m=4194304")}, "password_hash: is an Argon2 hash beyond m="),
        ({"totp_secret": ""}, "totp_secret: is not 16 to 64 bytes long"),
        ({"totp_secret": "GEZDGNBVGY3TQOJQ"}, "totp_secret: is not 16 to 64 bytes long"),
        ({"totp_secret": base64.b32encode(b"x" * 65).decode()}, "totp_secret: is not 16 to 64 bytes long"),
        ({"totp_secret": "0189" * 8}, "totp_secret: is not base32"),
        ({"totp_secret": SECRET[:-1] + "é"}, "totp_secret: is not base32"),
        ({"totp_secret": SECRET + "A"}, "totp_secret: is not base32"),
        ({"password": "in plain"}, "there is an unknown field"),
    ],
)
def test_a_bad_field_is_named_without_its_value(changes: dict[str, Any], reason: str) -> None:
    said = why(json.dumps(GOOD | changes).encode())

    assert said.startswith(reason)
    for value in changes.values():
        assert not isinstance(value, str) or len(value) < 6 or value not in said


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"nonsense", "the line is not JSON"),
        (b'{"email": ', "the line is not JSON"),
        (b"[" * 10_000, "the line is not JSON"),
        (b"9" * 5000, "the line is not JSON"),
        (b'["eve@example.com"]', "the line is not a JSON object"),
        (b"null", "the line is not a JSON object"),
        (b'{"name": "\xff"}', "the line is not UTF-8"),
        (b'{"email": "a@b.example", "email": "c@d.example"}', "a field appears twice"),
        (b'{"name": "' + b"x" * 65536 + b'"}', "the line is longer than 65536 bytes"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(content: bytes, reason: str) -> None:
    assert why(content) == reason


def test_an_account_has_five_kinds_of_hashes_at_most() -> None:
    user = parse(password_hash=BCRYPT)

    assert check_kind(user, {"a", "b", "c", "d"}) == "$2b$04"
    assert check_kind(user, {"a", "b", "c", "d", "$2b$04"}) == "$2b$04"
    assert check_kind(parse(), {"a", "b", "c", "d", "e"}) is None
    with pytest.raises(BadLineError, match="more than 5 kinds"):
        check_kind(user, {"a", "b", "c", "d", "e"})
