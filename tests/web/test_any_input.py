"""Any text as secret, cookie, cursor or credential gets a declared refusal, never a 500."""

import base64
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.credentials.identity_tokens.rules import is_audience
from app.second_factor.passcode import LONGEST_INPUT, RecoveryCode, SixDigits, parse
from app.second_factor.schemas import Passcode
from app.second_factor.trusted_devices.cookies import read_device_cookies
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import refused

NAME = "passgate_device_0123456789abcdef"

anything = st.text(max_size=80)
header = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200)
PASSCODE = str(TypeAdapter(Passcode).json_schema()["pattern"])
nearly_a_code = st.text("0123456789abcdefOIL-u ٣", min_size=5, max_size=17)


@given(anything | nearly_a_code)
def test_any_text_parses_as_six_digits_a_recovery_code_or_nothing(text: str) -> None:
    found = parse(text)

    if isinstance(found, SixDigits):
        assert found.digits == text
        assert text.isascii()
        assert len(text) == 6
    elif isinstance(found, RecoveryCode):
        assert parse(found.shown) == found
        assert len(found.characters) == 14
    else:
        assert found is None


spaced = st.lists(nearly_a_code | st.just(" "), min_size=1, max_size=3).map("".join)


@given(anything | nearly_a_code | spaced | st.from_regex(PASSCODE, fullmatch=True))
def test_the_documented_pattern_of_a_passcode_is_what_is_accepted(text: str) -> None:
    documented = len(text) <= LONGEST_INPUT and re.fullmatch(PASSCODE, text) is not None

    assert documented == (parse(text) is not None)


@given(st.lists(anything | st.builds(f"{NAME}={{}}".format, anything), max_size=4), st.booleans())
def test_any_cookies_are_device_tokens_or_ignored(headers: list[str], secure: bool) -> None:  # noqa: FBT001 -- given
    found = read_device_cookies(headers, secure=secure)

    for name, token in found.tokens.items():
        assert f"{name}={token}" in "; ".join(headers)


@given(anything | st.builds("https://{}".format, anything))
def test_any_text_is_accepted_or_rejected_as_an_audience(text: str) -> None:
    assert is_audience(text) in {True, False}


def drawn(strategy: st.SearchStrategy[str], count: int = 60) -> list[str]:
    """Return examples: Hypothesis itself cannot run inside the tests' event loop."""
    found: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True)
    @given(strategy)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


async def test_any_cursor_is_accepted_or_refused_as_a_bad_field(owner: SimulatedUser) -> None:
    blobs = st.binary(min_size=15, max_size=17).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="))
    for cursor in drawn(anything | blobs):
        for path in ("/users", "/audit-events"):
            answer = await owner.browser.get(path, params={"cursor": cursor})
            if answer.status_code != 200:
                refused(answer, 422, "invalid_request")


async def test_any_credential_is_refused(tenant: Tenant) -> None:
    encoded = (anything | anything.map("{}/token:pgt_x".format) | anything.map("a:{}".format)).map(
        lambda text: "Basic " + base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
    )
    raw = st.binary(max_size=40).map(lambda data: "Basic " + base64.b64encode(data).decode())
    tokens = header.map("Bearer {}".format) | header.map("Bearer pgs_{}".format) | header.map("Basic {}".format)
    for credential in drawn(encoded | raw | tokens | header, 120):
        browser = tenant.browser(ip="198.51.100.9")
        answer = await browser.get("/session", headers={"Authorization": credential})
        assert answer.status_code == 401, (credential, answer.text)
        assert answer.json()["code"] in {"unauthenticated", "password_access_off"}


async def test_any_passcode_is_wrong_or_a_bad_field_and_any_device_token_ignored(tenant: Tenant) -> None:
    person = await tenant.enrolled()
    for text in drawn(anything | nearly_a_code):
        body = {"sign_in_token": "pgi_" + "A" * 43, "passcode": text}
        answer = await tenant.browser().post("/sign-ins/passcode", json=body)
        assert (answer.status_code, answer.json()["code"]) in {(422, "invalid_request"), (401, "sign_in_expired")}
    for text in drawn(header | header.map("pgd_{}".format), 20):
        answer = await tenant.browser().post(
            "/sign-ins",
            json={"email": person.user.email, "password": "a long enough password", "device_token": text},
        )
        assert answer.status_code in {201, 422}, answer.text
        assert answer.status_code == 422 or answer.json()["status"] == "passcode_required"
