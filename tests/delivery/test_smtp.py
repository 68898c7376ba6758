"""Sending letters to a real mail server: TLS, permanent and temporary errors, time-outs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.core.settings import Settings
from app.database.queue import PermanentJobError
from app.delivery import mailer
from app.delivery.letters import Email
from app.delivery.mailer import (
    MailDeferredError,
    MailMisconfiguredError,
    MailRefusedError,
    MailUnavailableError,
    check_connection,
    compose,
    send,
)
from app.delivery.messages import render
from tests.delivery.conftest import a_letter, settings_with
from tests.support.programs.mail import HANGS, Authority, RunningServer, mail_server, make_authority
from tests.support.programs.serving import free_port

REMOTE_HOST = "0.0.0.0"  # noqa: S104 -- not a loopback address for the code, but Linux connects to this machine
CREDENTIALS = "mailer%40example.com:p%40ss%2Fword@"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"), "localhost")


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, trusted as an operator would do it: with OpenSSL's `SSL_CERT_FILE`."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.fixture
def plain() -> Iterator[RunningServer]:
    with mail_server() as server:
        yield server


def speaking(scheme: str, authority: Authority) -> AbstractContextManager[RunningServer]:
    """Return a server certified by the authority: STARTTLS for `smtp`, implicit TLS for `smtps`."""
    context = authority.server()
    return mail_server(starttls=context) if scheme == "smtp" else mail_server(tls=context)


async def hand_over(settings: Settings, letter: Email) -> None:
    await send(settings, compose(settings, letter, render(letter)), letter)


async def test_a_plain_server_gets_the_letter(plain: RunningServer) -> None:
    await hand_over(settings_with(mail_url=plain.url(), mail_from="P <p@example.com>"), a_letter())

    [received] = plain.mailbox.received
    assert (received.sender, received.recipients) == ("p@example.com", ["alice@example.com"])
    assert received.mail["Message-ID"] == f"<{a_letter().id}@id.example.com>"
    assert not received.by_tls


async def test_percent_encoded_credentials_are_decoded(plain: RunningServer) -> None:
    await hand_over(settings_with(mail_url=plain.url(credentials=CREDENTIALS)), a_letter())

    assert [received.signed_in for received in plain.mailbox.received] == [True]


async def test_starttls_is_used_when_offered_and_its_certificate_is_checked(trusted: Authority) -> None:
    with mail_server(starttls=trusted.server()) as server:
        await hand_over(settings_with(mail_url=server.url(credentials=CREDENTIALS)), a_letter())
        await hand_over(settings_with(mail_url=server.url(host="localhost")), a_letter())

    assert [received.by_tls for received in server.mailbox.received] == [True, True]


async def test_smtps_speaks_tls_from_the_first_byte(trusted: Authority) -> None:
    with mail_server(tls=trusted.server()) as server:
        await hand_over(settings_with(mail_url=server.url(scheme="smtps", credentials=CREDENTIALS)), a_letter())

    assert [received.by_tls for received in server.mailbox.received] == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority, scheme: str) -> None:
    with (
        speaking(scheme, authority) as server,
        pytest.raises(MailUnavailableError, match="certificate of the mail server is not accepted"),
    ):
        await hand_over(settings_with(mail_url=server.url(scheme=scheme)), a_letter())

    assert server.mailbox.attempts == []


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    other = make_authority(tmp_path, "mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    with (
        speaking(scheme, other) as server,
        pytest.raises(MailUnavailableError, match="certificate of the mail server is not accepted"),
    ):
        await hand_over(settings_with(mail_url=server.url(scheme=scheme, host="localhost")), a_letter())

    assert server.mailbox.attempts == []


@pytest.mark.parametrize("credentials", ["", CREDENTIALS])
async def test_without_starttls_a_remote_server_gets_neither_password_nor_letter(
    plain: RunningServer, credentials: str
) -> None:
    settings = settings_with(mail_url=plain.url(credentials=credentials, host=REMOTE_HOST))

    with pytest.raises(MailUnavailableError, match="offers no STARTTLS"):
        await hand_over(settings, a_letter())
    with pytest.raises(MailUnavailableError, match="offers no STARTTLS"):
        await check_connection(settings)

    assert plain.mailbox.attempts == []
    assert not plain.mailbox.tried_to_sign_in


async def test_a_remote_server_gets_the_letter_by_starttls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make_authority(tmp_path, REMOTE_HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with mail_server(starttls=authority.server()) as server:
        settings = settings_with(mail_url=server.url(credentials=CREDENTIALS, host=REMOTE_HOST))
        assert "by TLS, its certificate checked" in await check_connection(settings)
        await hand_over(settings, a_letter())

    assert [(received.by_tls, received.signed_in) for received in server.mailbox.received] == [(True, True)]


async def test_a_remote_server_gets_the_letter_in_clear_with_tls_off(plain: RunningServer) -> None:
    settings = settings_with(mail_url=plain.url(host=REMOTE_HOST) + "?tls=off")

    assert "in clear: tls=off" in await check_connection(settings)
    await hand_over(settings, a_letter())

    assert [received.by_tls for received in plain.mailbox.received] == [False]


async def test_a_wrong_smtp_password_is_retryable(plain: RunningServer) -> None:
    with pytest.raises(MailMisconfiguredError, match="refuses the login"):
        await hand_over(settings_with(mail_url=plain.url(credentials="mailer:wrong@")), a_letter())


@pytest.mark.parametrize("where", ["to_recipient", "to_data"])
async def test_a_4xx_reply_is_retryable(plain: RunningServer, where: str) -> None:
    getattr(plain.mailbox, where)["alice@example.com"] = ["451 come back, alice@example.com"]

    with pytest.raises(MailDeferredError, match="451") as raised:
        await hand_over(settings_with(mail_url=plain.url()), a_letter())

    assert not isinstance(raised.value, PermanentJobError)
    assert "alice" not in str(raised.value)


@pytest.mark.parametrize("where", ["to_recipient", "to_data"])
async def test_a_5xx_reply_is_permanent(plain: RunningServer, where: str) -> None:
    getattr(plain.mailbox, where)["alice@example.com"] = ["550 no such user alice@example.com"]

    with pytest.raises(MailRefusedError, match="550") as raised:
        await hand_over(settings_with(mail_url=plain.url()), a_letter())

    assert isinstance(raised.value, PermanentJobError)
    assert "alice" not in str(raised.value)


async def test_a_refused_sender_is_a_retryable_fault_of_the_configuration(plain: RunningServer) -> None:
    plain.mailbox.to_sender = ["550 5.7.1 sender rejected", "553 sender not local"]
    settings = settings_with(mail_url=plain.url(), mail_from="P <p@example.com>")

    words = r"sender p@example\.com \(550\): see PASSGATE_MAIL_FROM"
    with pytest.raises(MailMisconfiguredError, match=words) as raised:
        await hand_over(settings, a_letter())
    assert not isinstance(raised.value, PermanentJobError)
    with pytest.raises(MailMisconfiguredError, match="553"):
        await check_connection(settings)

    await hand_over(settings, a_letter())
    assert plain.mailbox.attempts == ["alice@example.com"]


async def test_a_sender_refused_for_now_is_an_outage(plain: RunningServer) -> None:
    plain.mailbox.to_sender = ["451 later"]

    with pytest.raises(MailUnavailableError, match="451") as raised:
        await hand_over(settings_with(mail_url=plain.url()), a_letter())

    assert type(raised.value) is MailUnavailableError


@pytest.mark.parametrize("where", ["to_recipient", "to_data"])
async def test_a_server_that_wants_a_login_does_not_refuse_the_letter(plain: RunningServer, where: str) -> None:
    getattr(plain.mailbox, where)["alice@example.com"] = ["530 5.7.0 authentication required"]

    with pytest.raises(MailMisconfiguredError, match="530"):
        await hand_over(settings_with(mail_url=plain.url()), a_letter())


async def test_a_server_without_login_is_misconfigured_if_the_setting_has_a_user() -> None:
    with (
        mail_server(login=False) as server,
        pytest.raises(MailMisconfiguredError, match="offers no login"),
    ):
        await hand_over(settings_with(mail_url=server.url(credentials=CREDENTIALS)), a_letter())


async def test_check_connection_names_the_sender_and_sends_nothing(plain: RunningServer) -> None:
    await check_connection(settings_with(mail_url=plain.url(), mail_from="P <p@example.com>"))

    assert plain.mailbox.senders == ["p@example.com"]
    assert (plain.mailbox.attempts, plain.mailbox.received) == ([], [])


async def test_an_unreachable_server_is_retryable() -> None:
    with pytest.raises(MailUnavailableError):
        await hand_over(settings_with(mail_url=f"smtp://127.0.0.1:{free_port()}"), a_letter())


@pytest.mark.parametrize("where", ["to_recipient", "to_data"])
async def test_a_server_that_hangs_times_out(
    plain: RunningServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(mailer, "COMMAND_SECONDS", 0.3)
    getattr(plain.mailbox, where)["alice@example.com"] = [HANGS]

    with pytest.raises(MailUnavailableError):
        await hand_over(settings_with(mail_url=plain.url()), a_letter())


async def test_sending_one_letter_has_an_overall_time_limit(
    plain: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "LETTER_SECONDS", 0.3)
    plain.mailbox.to_data["alice@example.com"] = [HANGS]

    with pytest.raises(MailUnavailableError, match="in time"):
        await hand_over(settings_with(mail_url=plain.url()), a_letter())


async def test_a_non_ascii_local_part_is_delivered(plain: RunningServer) -> None:
    await hand_over(settings_with(mail_url=plain.url()), a_letter(to="jörg@bücher.example"))

    [received] = plain.mailbox.received
    assert received.recipients == ["jörg@xn--bcher-kva.example"]


async def test_a_non_ascii_local_part_is_refused_without_smtputf8() -> None:
    with mail_server(smtputf8=False) as server:
        with pytest.raises(MailRefusedError):
            await hand_over(settings_with(mail_url=server.url()), a_letter(to="jörg@example.com"))

        await hand_over(settings_with(mail_url=server.url()), a_letter())  # names, unlike addresses, are encoded

    assert len(server.mailbox.received) == 1


async def test_check_connection_reports_tls_and_refused_credentials(
    plain: RunningServer, trusted: Authority
) -> None:
    with mail_server(tls=trusted.server()) as server:
        assert "by TLS, its certificate checked" in await check_connection(
            settings_with(mail_url=server.url(scheme="smtps"))
        )
    assert "in clear, on this machine" in await check_connection(settings_with(mail_url=plain.url()))
    with pytest.raises(MailMisconfiguredError, match="535"):
        await check_connection(settings_with(mail_url=plain.url(credentials="mailer:wrong@")))
    assert plain.mailbox.received == []
