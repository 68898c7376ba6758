"""`PASSGATE_DATABASE_URL`, read in one place for every driver, so that all of them demand the same protection."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args
from urllib.parse import parse_qsl, quote, unquote, urlencode

from app.core.addresses import is_loopback

SslMode: TypeAlias = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
"""How a connection is protected, in libpq's words."""

SYSTEM_STORE = "system"
"""libpq's word for the certificate authorities that the operating system trusts."""

_HOST = r"(\[[0-9A-Fa-f:.]+\]|[^\s:@,/?#\[\]]*)(:[0-9]{1,5})?"
_URL = re.compile(rf"postgres(?:ql)?://(?:[^\s/?#@]*@)?({_HOST}(?:,{_HOST})*)(?:/[^\s?#]*)?(?:\?[^\s#]*)?")

_FORM = "must be postgresql://user:password@host[,host2]:port/db, its special characters percent-encoded"
_UNKNOWN_MODE = "sslmode must be verify-full, verify-ca or disable; on this machine also prefer, allow or require"
_UNPROVEN = (
    "sslmode={} does not check who answers: to another machine use verify-full (the default), verify-ca, or, in a "
    "network that nobody else reaches, disable"
)
_NO_ROOT = "sslmode=verify-ca needs sslrootcert=FILE: any public authority's certificate would be taken otherwise"
_NOT_HERE = "{} is not supported; see sslmode, sslrootcert, sslcert and sslkey"
_TWO_PLACES = "names its hosts twice: before the path, and by host="

# Each names another server or another protection to one of the drivers, which the other would not follow.
_REFUSED = {"hostaddr", "service", "servicefile", "ssl", "requiressl", "gssencmode", "sslcrl", "sslcrldir"}
_OURS = {"pgbouncer", "sslmode", "sslrootcert", "sslcert", "sslkey"}


@dataclass(frozen=True)
class DatabaseUrl:
    """Where the database is, and how connections to it are protected."""

    dsn: str = field(repr=False)
    """The URL without the parameters that are read here."""
    is_local: bool
    """Whether every host is this machine: a loopback address or a Unix socket."""
    sslmode: SslMode
    root: Path | None = None
    """The authorities that the server's certificate is checked by; None for the operating system's."""
    certificate: Path | None = None
    key: Path | None = None
    pooled: bool = False
    """Whether PgBouncer stands in between, so that each transaction may run on another connection."""

    @property
    def is_verified(self) -> bool:
        """Whether the server has to prove by a certificate who it is."""
        return self.sslmode in {"verify-ca", "verify-full"}


def parse_database_url(url: str) -> DatabaseUrl:
    """Return what the URL says; raises `ValueError`, with a sentence that does not quote it, for what it may not.

    Only the server's certificate proves who gets the password and everything stored. So to another machine it is
    checked unless the URL says `sslmode=disable`, and no mode is taken that a machine in between can talk down.
    """
    found = _URL.fullmatch(url) if url.isascii() else None
    if found is None:
        raise ValueError(_FORM)
    place, _, query = url.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    given = dict(parameters)
    if bad := _REFUSED & given.keys():
        raise ValueError(_NOT_HERE.format(min(bad)))
    named = unquote(found[1])
    if named and "host" in given:
        raise ValueError(_TWO_PLACES)
    is_local = all(map(_is_local, (named or given.get("host") or _hosts_of_environment()).split(",")))
    rest = [(name, value) for name, value in parameters if name not in _OURS]
    root = given.get("sslrootcert", SYSTEM_STORE)
    read = DatabaseUrl(
        dsn=f"{place}?{urlencode(rest, quote_via=quote)}" if rest else place,
        is_local=is_local,
        sslmode=_mode(given.get("sslmode"), is_local=is_local),
        root=None if root == SYSTEM_STORE else Path(root),
        certificate=Path(given["sslcert"]) if "sslcert" in given else None,
        key=Path(given["sslkey"]) if "sslkey" in given else None,
        pooled=given.get("pgbouncer") == "true",
    )
    if read.sslmode == "verify-ca" and read.root is None:
        raise ValueError(_NO_ROOT)
    return read


def _mode(given: str | None, *, is_local: bool) -> SslMode:
    if given is None:
        return "prefer" if is_local else "verify-full"
    if given not in get_args(SslMode):
        raise ValueError(_UNKNOWN_MODE)
    if not is_local and given in {"allow", "prefer", "require"}:
        raise ValueError(_UNPROVEN.format(given))
    return cast("SslMode", given)


def _is_local(host: str) -> bool:
    """Whether a host, with or without its port, is a Unix socket or a loopback address; none is a socket."""
    name = host.partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    return not host or host.startswith("/") or is_loopback(name) or is_loopback(host)


def _hosts_of_environment() -> str:
    """Return what the drivers fall back to where the URL names no host; a service may lead anywhere."""
    return ",".join(filter(None, map(os.environ.get, ("PGHOST", "PGSERVICE"))))
