import re
import shutil
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.second_factor.kinds.totp.algorithm import encode_secret
from app.second_factor.kinds.totp.otpauth_uri import otpauth_uri, qr_code_svg

SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def test_the_uri_follows_the_contract() -> None:
    assert otpauth_uri(account_name="Acme", email="ann@example.com", secret=SECRET) == (
        f"otpauth://totp/Acme:ann@example.com?secret={BASE32}&issuer=Acme"
    )


def test_what_has_a_meaning_in_a_uri_is_encoded() -> None:
    uri = otpauth_uri(account_name="A & B/ü?#+%", email="a+b&c@example.com", secret=SECRET)
    issuer = "A%20%26%20B%2F%C3%BC%3F%23%2B%25"
    assert uri == f"otpauth://totp/{issuer}:a%2Bb%26c@example.com?secret={BASE32}&issuer={issuer}"


def test_a_colon_stands_between_the_parts_and_in_neither() -> None:
    uri = otpauth_uri(account_name="Acme: support", email='"a:b"@example.com', secret=SECRET)
    assert uri == (
        f"otpauth://totp/Acme%20%20support:%22a%20b%22@example.com?secret={BASE32}&issuer=Acme%20%20support"
    )


@given(account_name=text, email=text)
def test_the_uri_is_ascii_and_is_read_back_as_it_was_meant(account_name: str, email: str) -> None:
    uri = otpauth_uri(account_name=account_name, email=email, secret=SECRET)
    assert uri.isascii()
    assert not re.search(r"[\s\x00-\x1f]", uri)
    parts = urlsplit(uri)
    issuer, user = parts.path.removeprefix("/").split(":")
    query = parse_qs(parts.query, strict_parsing=True)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(issuer) == account_name.replace(":", " ")
    assert unquote(user) == email.replace(":", " ")
    assert query == {"secret": [encode_secret(SECRET)], "issuer": [unquote(issuer)]}


def test_the_qr_code_is_one_scalable_element_with_a_quiet_zone() -> None:
    svg = qr_code_svg(otpauth_uri(account_name="Acme", email="ann@example.com", secret=SECRET))
    root = ET.fromstring(svg)  # noqa: S314 -- of our own making
    background, modules = list(root)
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert {"width", "height"}.isdisjoint(root.attrib)
    side = int(root.attrib["viewBox"].split()[-1])
    assert root.attrib["viewBox"] == f"0 0 {side} {side}"
    assert (background.attrib["fill"], modules.attrib["stroke"]) == ("#fff", "#000")
    assert background.attrib["d"] == f"M0 0h{side}v{side}h-{side}z"
    assert modules.attrib["d"].startswith("M4 4.5h7")  # the first finder pattern, after four modules
    assert (side - 8) % 4 == 1


def test_a_uri_that_no_qr_code_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        qr_code_svg("x" * 2954)


@pytest.mark.skipif(
    shutil.which("zbarimg") is None or shutil.which("rsvg-convert") is None,
    reason="apt-get install zbar-tools librsvg2-bin",
)
@pytest.mark.parametrize(
    ("account_name", "email"),
    [
        ("Acme", "ann@example.com"),
        ("Größe & Söhne: Kundendienst", "a+b@example.com"),
        ("株式会社パスゲート" * 5, "x" * 64 + "@" + "y" * 180 + ".example"),
    ],
)
def test_a_camera_reads_the_uri_back(account_name: str, email: str) -> None:
    uri = otpauth_uri(account_name=account_name, email=email, secret=SECRET)
    svg = qr_code_svg(uri).encode()
    png = subprocess.run(["rsvg-convert", "--width=1000"], input=svg, check=True, capture_output=True).stdout
    read = subprocess.run(["zbarimg", "--quiet", "--raw", "-"], input=png, check=True, capture_output=True).stdout
    assert read.decode() == uri + "\n"
