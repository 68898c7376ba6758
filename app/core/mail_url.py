"""Parse the setting that says where e-mails go."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import unquote

from app.core.addresses import is_loopback

_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s:@,/?#\[\]]*)(:[0-9]{1,5})?"
MailTls: TypeAlias = Literal["implicit", "starttls", "if_offered", "off"]
"""The protection of SMTP: TLS from the first byte, STARTTLS required, STARTTLS if offered, or none."""


@dataclass(frozen=True)
class MailServer:
    """The SMTP server. Its certificate is always verified if TLS is used."""

    host: str
    port: int
    tls: MailTls
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MailDirectory:
    """The directory where e-mails are written as files."""

    path: Path


_MAIL_URL = re.compile(rf"(smtps?)://(?:([^\s:@/?#]+):([^\s:@/?#]+)@)?(?!/){_HOST}/?(\?tls=off)?")
_MAIL_PORTS = {"smtp": 587, "smtps": 465}


def parse_mail_url(url: str) -> MailServer | MailDirectory:
    """Return the mail server or directory of the URL; raises `ValueError` if it is not valid.

    E-mails contain password links, so a server on another machine requires TLS. With `?tls=off` there is no TLS,
    and the URL may not contain a password.
    """
    if url.startswith("file:") and (path := unquote(url.removeprefix("file:").removeprefix("//"))):
        return MailDirectory(Path(path))
    found = _MAIL_URL.fullmatch(url)
    if found is None or not found[4] or int((found[5] or ":1")[1:]) not in range(1, 65_536):
        raise ValueError(
            "must be smtp://user:password@host:port[?tls=off], smtps://user:password@host:port or file:DIR"
        )
    scheme, user, password, host, port, off = found.groups()
    if off and scheme == "smtps":
        raise ValueError("tls=off is for smtp://; smtps:// is TLS from the first byte on")
    if off and user and not is_loopback(host):
        raise ValueError("tls=off would send the password in clear; leave one of them out")
    without_smtps: MailTls = "off" if off else "if_offered" if is_loopback(host) else "starttls"
    return MailServer(
        host=host.strip("[]"),
        port=int(port[1:]) if port else _MAIL_PORTS[scheme],
        tls="implicit" if scheme == "smtps" else without_smtps,
        user=unquote(user) if user else None,
        password=unquote(password) if password else None,
    )
