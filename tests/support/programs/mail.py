"""A real mail server in a thread, with answers chosen by the test, and its certificates."""

import asyncio
import email
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.programs.serving import free_port

USER, PASSWORD = "mailer@example.com", "p@ss/word"
ACCEPTED = "250 OK"
HANGS = "hangs"
TAKES_AND_HANGS = "takes the letter, and hangs"


def parse(raw: bytes) -> EmailMessage:
    """Parse an e-mail like a mail program."""
    return email.message_from_bytes(raw, policy=default)


def files_in(directory: Path) -> list[Path]:
    """Return the files in the directory by name, including partly written e-mails."""
    return sorted(directory.iterdir()) if directory.exists() else []


def letters_in(directory: Path) -> list[EmailMessage]:
    """Return the e-mails that were written into the directory, oldest first."""
    return [parse(path.read_bytes()) for path in files_in(directory) if path.suffix == ".eml"]


def mode_of(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@dataclass(frozen=True)
class Received:
    """An e-mail that the server accepted."""

    sender: str
    recipients: list[str]
    mail: EmailMessage
    by_tls: bool
    signed_in: bool


@dataclass
class Mailbox:
    """Received e-mails, and the answers to MAIL, and to RCPT and DATA by recipient, each used once in order."""

    received: list[Received] = field(default_factory=list)
    to_recipient: dict[str, list[str]] = field(default_factory=dict)
    to_data: dict[str, list[str]] = field(default_factory=dict)
    to_sender: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    tried_to_sign_in: bool = False

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.senders.append(address)
        answer = self.to_sender.pop(0) if self.to_sender else ACCEPTED
        if answer == ACCEPTED:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return await _answer(answer)

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.attempts.append(address)
        answer = self._next(self.to_recipient, address)
        if answer == ACCEPTED:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return await _answer(answer)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- as above
        answer = self._next(self.to_data, envelope.rcpt_tos[0])
        if answer in {ACCEPTED, TAKES_AND_HANGS}:
            content = envelope.content
            raw = content if isinstance(content, bytes) else str(content).encode()
            by_tls = server.transport is not None and server.transport.get_extra_info("sslcontext") is not None
            mail = parse(raw)
            self.received.append(
                Received(envelope.mail_from or "", envelope.rcpt_tos, mail, by_tls, bool(session.authenticated))
            )
        return await _answer(answer)

    @staticmethod
    def _next(answers: dict[str, list[str]], address: str) -> str:
        left = answers.get(address)
        return left.pop(0) if left else ACCEPTED

    def of(self, address: str) -> list[EmailMessage]:
        """Return the e-mails to this address."""
        return [received.mail for received in self.received if received.recipients == [address]]


async def _answer(answer: str) -> str:
    if answer in {HANGS, TAKES_AND_HANGS}:
        await asyncio.sleep(3600)
    return answer


@dataclass(frozen=True)
class RunningServer:
    """A running mail server: its port and its mailbox."""

    port: int
    mailbox: Mailbox

    def url(self, *, scheme: str = "smtp", credentials: str = "", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{credentials}{host}:{self.port}"


@contextmanager
def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    smtputf8: bool = True,
    login: bool = True,
) -> Iterator[RunningServer]:
    """Run a mail server with STARTTLS (`starttls`), with implicit TLS (`tls`), or without TLS."""
    mailbox = Mailbox()

    def check(_: SMTP, __: Session, ___: Envelope, mechanism: str, given: Any) -> AuthResult:
        mailbox.tried_to_sign_in = True
        known = LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=mechanism in {"LOGIN", "PLAIN"} and given == known, handled=False)

    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),  # not 0, because aiosmtpd connects to this port
        ready_timeout=20,
        ssl_context=tls,
        tls_context=starttls,
        authenticator=check,
        auth_require_tls=False,
        auth_exclude_mechanism=["CRAM-MD5"] if login else ["CRAM-MD5", "LOGIN", "PLAIN"],
        enable_SMTPUTF8=smtputf8,
    )
    controller.start()
    try:
        yield RunningServer(controller.port, mailbox)
    finally:
        controller.stop()


@dataclass(frozen=True)
class Authority:
    """A certificate authority for one test."""

    file: Path
    server: Callable[[], ssl.SSLContext]


def _general_name(host: str) -> x509.GeneralName:
    return x509.IPAddress(IPv4Address(host)) if host.replace(".", "").isdigit() else x509.DNSName(host)


def make_authority(directory: Path, *names: str) -> Authority:
    """Return a new authority with a server certificate for these names and 127.0.0.1."""
    now = datetime.now(UTC)

    def certificate(subject: str, issuer: str, key: Any, signer: Any, *, authority: bool) -> x509.Certificate:
        def name(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        hosts = [_general_name(host) for host in (*names, "127.0.0.1")]
        built = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            built = built.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        return built.sign(signer, hashes.SHA256())

    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("a test's authority", "a test's authority", authority_key, authority_key, authority=True)
    leaf = certificate("a mail server", "a test's authority", server_key, authority_key, authority=False)
    pem = serialization.Encoding.PEM
    (directory / "authority.pem").write_bytes(root.public_bytes(pem))
    key_bytes = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(leaf.public_bytes(pem) + key_bytes)

    def server() -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(directory / "server.pem")
        return context

    return Authority(directory / "authority.pem", server)
