"""Mail settings, read from the environment."""

from pathlib import Path

import pytest

from app.core.mail_url import MailDirectory, MailServer
from app.core.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("smtp://mail.example.com", MailServer("mail.example.com", 587, tls="starttls")),
        ("smtp://mail.example.com/?tls=off", MailServer("mail.example.com", 587, tls="off")),
        ("smtp://localhost", MailServer("localhost", 587, tls="if_offered")),
        ("smtp://u:p@127.0.0.1?tls=off", MailServer("127.0.0.1", 587, tls="off", user="u", password="p")),
        ("smtps://mail.example.com/", MailServer("mail.example.com", 465, tls="implicit")),
        ("smtp://[2001:db8::1]:25", MailServer("2001:db8::1", 25, tls="starttls")),
        (
            "smtp://a%40b.example:p%2F%3A%40@m:2525",
            MailServer("m", 2525, tls="starttls", user="a@b.example", password="p/:@"),
        ),
        ("file:letters", MailDirectory(Path("letters"))),
        ("file:///var/lib/passgate/a%20b", MailDirectory(Path("/var/lib/passgate/a b"))),
    ],
)
def test_a_mail_url_names_a_server_or_a_directory(
    monkeypatch: pytest.MonkeyPatch, url: str, meant: MailServer | MailDirectory
) -> None:
    monkeypatch.setenv("PASSGATE_MAIL_URL", url)

    assert load_settings().mail == meant


def test_by_default_letters_go_to_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSGATE_DATA_DIR", "/data")

    assert load_settings().mail == MailDirectory(Path("/data/letters"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PASSGATE_MAIL_URL", "smtp://user:geheim@"),
        ("PASSGATE_MAIL_URL", "smtp://user@mail.example.com"),
        ("PASSGATE_MAIL_URL", "http://mail.example.com"),
        ("PASSGATE_MAIL_URL", "smtp://mail.example.com:99999"),
        ("PASSGATE_MAIL_URL", "smtp://mail.example.com:0"),
        ("PASSGATE_MAIL_URL", "smtp://mail.example.com/?starttls=no"),
        ("PASSGATE_MAIL_URL", "smtp://mail.example.com/?tls=no"),
        ("PASSGATE_MAIL_URL", "smtps://mail.example.com/?tls=off"),
        ("PASSGATE_MAIL_URL", "smtp://user:geheim@mail.example.com/?tls=off"),
        ("PASSGATE_MAIL_URL", "file:"),
        ("PASSGATE_MAIL_FROM", "geheim"),
        ("PASSGATE_MAIL_FROM", "A <a@example.com>, b@example.com"),
        ("PASSGATE_MAIL_FROM", "A <a@example.com>\r\nBcc: b@example.com"),
        ("PASSGATE_AUDIT_DAYS", "0"),
        ("PASSGATE_AUDIT_DAYS", "for ever"),
    ],
)
def test_an_invalid_mail_setting_gives_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        load_settings()

    [line] = raised.value.lines
    assert line.startswith(f"{name}: ")
    assert "geheim" not in line


def test_the_mail_server_password_is_in_no_repr_or_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSGATE_MAIL_URL", "smtp://user:geheim@mail.example.com")
    settings = load_settings()

    assert "geheim" not in f"{settings!r} {settings} {settings.mail!r} {settings.model_dump_json()}"
