"""E-mail headers: user data cannot inject any, and composing again gives the same ones."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest

from app.delivery.letters import Email
from app.delivery.mailer import MailRefusedError, compose
from app.delivery.messages import render
from tests.delivery.conftest import a_letter, settings_with
from tests.support.programs.mail import parse


def composed(letter: Email, **settings: Any) -> EmailMessage:
    """Return the e-mail as a mail program parses it."""
    return parse(compose(settings_with(**settings), letter, render(letter)).as_bytes())


def unfolded(header: str) -> str:
    """Return a header decoded, with single spaces."""
    return " ".join(str(make_header(decode_header(header))).split())


def test_a_letter_is_text_and_html() -> None:
    mail = composed(a_letter())

    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "Alice Müller" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # the part exists
    assert "Alice Müller" in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]  # the part exists


def test_the_headers_have_sender_recipient_date_and_auto_submitted() -> None:
    mail = composed(a_letter(), mail_from="Päss Gäte <no-reply@example.com>")

    assert mail["From"].addresses[0].display_name == "Päss Gäte"
    assert mail["From"].addresses[0].addr_spec == "no-reply@example.com"
    assert mail["To"].addresses[0].display_name == "Alice Müller"
    assert mail["To"].addresses[0].addr_spec == "alice@example.com"
    assert mail["Date"] == "Tue, 24 Nov 2026 10:15:30 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_letter_has_the_same_message_id_whenever_it_is_composed() -> None:
    assert {composed(a_letter())["Message-ID"] for _ in range(3)} == {f"<{a_letter().id}@id.example.com>"}


@pytest.mark.parametrize(
    ("public_url", "domain"),
    [
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
        ("https://Id.Example.com:8443/base", "id.example.com"),
    ],
)
def test_the_message_id_ends_with_the_public_host(public_url: str, domain: str) -> None:
    assert composed(a_letter(), public_url=public_url)["Message-ID"] == f"<{a_letter().id}@{domain}>"


@pytest.mark.parametrize("breaking", ["\r\n", "\n", "\r", "\r\n\r\n", "\x00", "\u2028", "\x0b", "\x85"])
def test_a_name_cannot_inject_a_header(breaking: str) -> None:
    evil = f"A{breaking}Bcc: eve@example.com{breaking}X: y"

    raw = compose(settings_with(), letter := a_letter(name=evil, account_name=evil), render(letter)).as_bytes()

    head = raw.partition(b"\r\n\r\n")[0]
    assert {line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b" ")} == {
        *(b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"MIME-Version", b"Content-Type")
    }
    assert parse(raw)["Bcc"] is None
    assert [address.addr_spec for address in parse(raw)["To"].addresses] == ["alice@example.com"]


@pytest.mark.parametrize("name", ['Eve" <eve@example.com>, "x', "a, b", "<eve@example.com>", "@", "", "\\", "(c)"])
def test_a_name_cannot_inject_a_recipient(name: str) -> None:
    mail = composed(a_letter(name=name))

    assert [address.addr_spec for address in mail["To"].addresses] == ["alice@example.com"]
    assert mail["To"].addresses[0].display_name == name


@pytest.mark.parametrize("name", ["👩‍👩‍👧 " * 40, "ß" * 200, "עברית " * 30, "x" * 200])
def test_long_names_in_any_script_arrive(name: str) -> None:
    letter = a_letter(name=name, account_name=name)

    # The standard library's legacy parser: the newer one splits long encoded names (RFC 2047 6.2).
    mail = message_from_bytes(compose(settings_with(), letter, render(letter)).as_bytes())

    assert unfolded(mail["To"]) == f"{name.strip()} <alice@example.com>"
    assert unfolded(mail["Subject"]) == f"Your password was changed ({name.strip()})"


def test_every_line_is_ascii_and_at_most_998_bytes() -> None:
    letter = a_letter(name="Ä" * 200, account_name="ö" * 200)

    raw = compose(settings_with(), letter, render(letter)).as_bytes()

    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_an_internationalized_domain_is_sent_in_punycode() -> None:
    raw = compose(settings_with(), letter := a_letter(to="alice@bücher.example"), render(letter)).as_bytes()

    assert raw.isascii()
    assert b"alice@xn--bcher-kva.example" in raw


def test_a_non_ascii_local_part_is_unchanged() -> None:
    letter = a_letter(to="jörg@example.com")

    raw = compose(settings_with(), letter, render(letter)).as_bytes()

    assert "jörg@example.com".encode() in raw


def test_an_invalid_address_is_refused_permanently() -> None:
    with pytest.raises(MailRefusedError):
        compose(settings_with(), letter := a_letter(to="alice@example.com\r\nRCPT TO:<eve@x>"), render(letter))


def test_the_default_sender_has_a_name_and_an_address() -> None:
    assert parseaddr(settings_with().mail_from) == ("Passgate", "no-reply@localhost")
