"""Parse `PASSGATE_DATABASE_URL` for all drivers, so that all require the same protection."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args
from urllib.parse import parse_qsl, quote, unquote, urlencode

from app.core.addresses import is_loopback

SslMode: TypeAlias = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
"""How a connection is protected; the values are libpq's."""

SYSTEM_STORE = "system"
"""libpq's value for the certificate authorities that the operating system trusts."""

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

# Each of these changes the server or the protection for one driver, and the other driver ignores it.
_REFUSED = {"hostaddr", "service", "servicefile", "ssl", "requiressl", "gssencmode", "sslcrl", "sslcrldir"}
_OURS = {"pgbouncer", "sslmode", "sslrootcert", "sslcert", "sslkey"}


@dataclass(frozen=True)
class DatabaseUrl:
    """Where the database is, and how connections to it are protected."""

    dsn: str = field(repr=False)
    """The URL without the parameters that this module handles (`_OURS`)."""
    is_local: bool
    """Whether every host is this machine: a loopback address or a Unix socket."""
    sslmode: SslMode
    root: Path | None = None
    """The file with the trusted certificate authorities; None for those of the operating system."""
    certificate: Path | None = None
    key: Path | None = None
    pooled: bool = False
    """Whether connections go through PgBouncer, so that each transaction may use another server connection."""

    @property
    def is_verified(self) -> bool:
        """Whether the server must authenticate itself with a certificate."""
        return self.sslmode in {"verify-ca", "verify-full"}


def parse_database_url(url: str) -> DatabaseUrl:
    """Parse the URL; raises `ValueError` with a sentence that does not quote the URL.

    Only the certificate proves that the password and the data go to the right server. So the certificate of a
    server on another machine is verified unless the URL says `sslmode=disable`. Modes without that check are not
    accepted: a man in the middle could intercept or downgrade the connection.
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
    """Whether a host, with or without port, is loopback or a Unix socket (also if it is empty)."""
    name = host.partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    return not host or host.startswith("/") or is_loopback(name) or is_loopback(host)


def _hosts_of_environment() -> str:
    """Return the hosts of the environment, for a URL without host; `PGSERVICE` counts as remote."""
    return ",".join(filter(None, map(os.environ.get, ("PGHOST", "PGSERVICE"))))
