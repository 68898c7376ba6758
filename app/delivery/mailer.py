"""Deliver e-mails to an SMTP server, or write them as files."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib
from email_validator import EmailNotValidError, validate_email

from app.core.addresses import is_loopback
from app.core.mail_url import MailDirectory, MailServer
from app.core.settings import Settings
from app.database.queue import PermanentJobError
from app.delivery.letters import Email
from app.delivery.messages import Message, plain

COMMAND_SECONDS = 20
LETTER_SECONDS = 60
"""Timeout for the delivery of one e-mail in total, so that a hanging server delays only this e-mail."""
GOOD_BYE_SECONDS = 5

_START_TLS = {"implicit": False, "starttls": True, "if_offered": None, "off": False}  # aiosmtplib's values
_NO_STARTTLS = (
    "the mail server offers no STARTTLS, or a machine in between says so: use smtps://, or, only in a network "
    "that nobody else reaches, add ?tls=off"
)
_NO_LOGIN = "the mail server offers no login that Passgate knows, but PASSGATE_MAIL_URL has a user"
_NOT_PROVEN = "the certificate of the mail server is not accepted ({}): see SSL_CERT_FILE"

_PERMANENT = 500  # the lowest code of a permanent error (RFC 5321 4.2.1)
_ABOUT_LOGIN = frozenset({530, 534, 535, 538})  # replies to any command: log in first, or otherwise (RFC 4954 6)


class MailRefusedError(PermanentJobError):
    """The mail server rejected this e-mail permanently."""


class MailUnavailableError(Exception):
    """The mail server does not accept the e-mail now; the message never quotes its reply text."""


class MailDeferredError(MailUnavailableError):
    """The mail server does not accept this e-mail now, such as for a full mailbox; others may pass."""


class MailMisconfiguredError(MailUnavailableError):
    """The mail server refuses every e-mail until a setting changes, here or on the server."""


def compose(settings: Settings, letter: Email, message: Message) -> EmailMessage:
    """Return the e-mail with its headers: the same each time, and safe with any name."""
    address = _deliverable(letter.to)
    mail = EmailMessage(policy=SMTP if address.isascii() else SMTPUTF8)
    mail["From"] = _address(*parseaddr(settings.mail_from))
    mail["To"] = _address(plain(letter.name), address)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(letter.at)
    mail["Message-ID"] = f"<{letter.id}@{domain(settings)}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: prevents automatic replies
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mail


async def send(settings: Settings, mail: EmailMessage, letter: Email) -> None:
    """Deliver the e-mail; raises `MailRefusedError` if a retry is useless, else another error."""
    where = settings.mail
    if isinstance(where, MailDirectory):
        await asyncio.to_thread(_write, where.path, f"{letter.id}.eml", mail.as_bytes())
        return
    recipient = _deliverable(letter.to)
    sender = parseaddr(settings.mail_from)[1]
    options = [] if recipient.isascii() else ["SMTPUTF8"]
    try:
        async with asyncio.timeout(LETTER_SECONDS), _connected(settings, where) as server:
            try:
                await server.sendmail(sender, [recipient], mail.as_bytes(), mail_options=options)
            except aiosmtplib.SMTPRecipientsRefused as error:
                raise _judge(settings, error.recipients[0]) from None  # its text names the recipient
            except aiosmtplib.SMTPDataError as error:
                raise _judge(settings, error) from None  # its text may name the recipient
            except aiosmtplib.SMTPNotSupported:
                raise MailRefusedError("the mail server takes no address that is not ASCII") from None
    except aiosmtplib.SMTPResponseException as error:
        raise _judge(settings, error) from None  # as above
    except (aiosmtplib.SMTPException, OSError) as error:  # a time-out among them
        raise _judge(settings, error) from error


async def check_connection(settings: Settings) -> str:
    """Return a line about the mail server; raises `MailUnavailableError` or `OSError`.

    It logs in and names the sender, as for an e-mail (MAIL FROM), and then sends none (RSET).
    """
    where = settings.mail
    if isinstance(where, MailDirectory):
        await asyncio.to_thread(_write, where.path, ".check", b"")
        (where.path / ".check").unlink(missing_ok=True)
        return f"each letter is written into {where.path}"
    try:
        async with asyncio.timeout(COMMAND_SECONDS), _connected(settings, where) as server:
            by_tls = server.get_transport_info("sslcontext") is not None
            await server.mail(parseaddr(settings.mail_from)[1])
            await server.rset()
    except (aiosmtplib.SMTPException, OSError) as error:  # a time-out among them
        raise _judge(settings, error) from error
    in_clear = (
        "in clear, on this machine"
        if is_loopback(where.host)
        else "in clear: tls=off, whoever is in between reads all"
    )
    protection = "by TLS, its certificate checked" if by_tls else in_clear
    return f"{where.host} port {where.port} takes letters {protection}"


@asynccontextmanager
async def _connected(settings: Settings, where: MailServer) -> AsyncIterator[aiosmtplib.SMTP]:
    """Connect with the TLS that the settings require, verify the certificate, and log in.

    A server on another machine that offers no STARTTLS, or whose offer was stripped by an attacker, receives
    neither a password nor an e-mail (RFC 8314 3, RFC 3207 6).
    """
    server = aiosmtplib.SMTP(
        hostname=where.host,
        port=where.port,
        use_tls=where.tls == "implicit",
        start_tls=_START_TLS[where.tls],
        local_hostname=domain(settings),
        timeout=COMMAND_SECONDS,
    )
    try:
        try:
            await server.connect()
        except aiosmtplib.SMTPException as error:
            # A subclass has another cause.
            if type(error) is aiosmtplib.SMTPException and where.tls == "starttls":
                raise MailMisconfiguredError(_NO_STARTTLS) from error
            raise
        if where.user is not None:
            try:
                await server.login(where.user, where.password or "")
            except aiosmtplib.SMTPException as error:
                if type(error) in {aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported}:
                    raise MailMisconfiguredError(_NO_LOGIN) from error
                raise
        yield server
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):  # the e-mail is already delivered
            await server.quit(timeout=GOOD_BYE_SECONDS)
    finally:
        server.close()


def _judge(settings: Settings, error: Exception) -> Exception:
    """Return what an error means for the e-mail, judged by the command that the server answered.

    A refused recipient (RCPT TO) or content (DATA) is about this e-mail alone. Every other permanent reply, and
    one that asks for another login, would meet every e-mail: that is a fault of the configuration.
    """
    code = getattr(error, "code", None)
    about_this_one = isinstance(error, (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError))
    is_login = isinstance(error, aiosmtplib.SMTPAuthenticationError) and _is_permanent(code)
    if is_login or code in _ABOUT_LOGIN:
        return MailMisconfiguredError(f"the mail server refuses the login ({code}): see PASSGATE_MAIL_URL")
    if about_this_one:
        words = f"the mail server answered {code}"
        return MailRefusedError(words) if _is_permanent(code) else MailDeferredError(words)
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and _is_permanent(code):
        sender = parseaddr(settings.mail_from)[1]
        return MailMisconfiguredError(
            f"the mail server refuses the sender {sender} ({code}): see PASSGATE_MAIL_FROM"
        )
    return MailMisconfiguredError(_in_words(error)) if _is_permanent(code) else _unavailable(error)


def _is_permanent(code: int | None) -> bool:
    return code is not None and code >= _PERMANENT


def _unavailable(error: Exception) -> MailUnavailableError:
    for about_tls in (error, error.__cause__):
        if isinstance(about_tls, ssl.SSLCertVerificationError):
            return MailMisconfiguredError(_NOT_PROVEN.format(about_tls.verify_message.rstrip(".")))
    return MailUnavailableError(_in_words(error))


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    code = getattr(error, "code", None)
    step = type(error).__name__.removeprefix("SMTP")
    return f"the mail server answered {code} ({step})" if code else f"no way to the mail server ({step})"


def domain(settings: Settings) -> str:
    """Return the public host, for EHLO and Message-ID; an IP as a literal (RFC 5321 4.1.3)."""
    host = urlsplit(settings.public_url).hostname or "localhost"
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if host.replace(".", "").isdigit() else host


def _deliverable(address: str) -> str:
    """Return the address with its domain in ASCII; only a non-ASCII local part needs SMTPUTF8."""
    try:
        found = validate_email(
            address, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
    except EmailNotValidError:
        raise MailRefusedError("the address is not valid") from None
    return found.ascii_email or f"{found.local_part}@{found.ascii_domain}"


def _address(name: str, address: str) -> Address:
    user, _, host = address.rpartition("@")
    return Address(name, user, host)


def _write(directory: Path, name: str, content: bytes) -> None:
    """Write a file atomically and durably."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f".{name}.{os.getpid()}"
    with draft.open("wb") as file:
        draft.chmod(0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / name)
