"""TLS for database connections: the parameters for both drivers, and error explanations."""

import os
import ssl
from functools import lru_cache
from typing import Any

from app.core.database_url import SYSTEM_STORE, DatabaseUrl
from app.core.errors import Unavailable
from app.core.settings import SettingsError

_OFF = (
    "the server offers no TLS, or a machine in between claims so. Turn TLS on at the server (ssl = on). Use "
    "sslmode=disable only in a network that nobody else can reach"
)
_FAILED = "the server and this machine cannot agree on a TLS connection ({})"
_NOT_PROVEN = "the server's certificate is not accepted ({}). Name its certificate authority with sslrootcert=FILE"


class UnprotectedDatabaseError(Exception):
    """The server was not authenticated by TLS; the message is for operators, never for clients."""


def asyncpg_tls(url: DatabaseUrl) -> ssl.SSLContext | str:
    """Return asyncpg's argument `ssl`; raises `SettingsError` for files that cannot be read."""
    return _context(url) if url.is_verified else url.sslmode


def libpq_tls(url: DatabaseUrl) -> dict[str, str]:
    """Return libpq's TLS parameters; they override libpq's environment variables."""
    files = {"sslrootcert": url.root, "sslcert": url.certificate, "sslkey": url.key}
    given = {name: str(path) for name, path in files.items() if path is not None}
    if url.is_verified and url.root is None:
        _name_system_store()
        given["sslrootcert"] = SYSTEM_STORE
    return {"sslmode": url.sslmode, "gssencmode": "disable", **given}


def _name_system_store() -> None:
    """Tell OpenSSL, by its environment variables, the operating system's certificate store.

    psycopg's wheel contains its own OpenSSL, whose default paths do not exist. Python's OpenSSL knows the right
    paths.
    """
    known = ssl.get_default_verify_paths()
    os.environ.setdefault(known.openssl_cafile_env, known.openssl_cafile)
    os.environ.setdefault(known.openssl_capath_env, known.openssl_capath)


@lru_cache(maxsize=8)
def _context(url: DatabaseUrl) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=url.root)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = url.sslmode == "verify-full"
        if url.certificate is not None:
            context.load_cert_chain(url.certificate, url.key)
    except OSError as error:  # `ssl.SSLError` is one
        raise SettingsError(
            "PASSGATE_DATABASE_URL: what sslrootcert, sslcert and sslkey name cannot be read: "
            f"{error.reason if isinstance(error, ssl.SSLError) else error.strerror}"
        ) from None
    return context


def explain(error: Exception, url: DatabaseUrl) -> UnprotectedDatabaseError | None:
    """Return the TLS error that made a connection fail; None if the cause is not TLS."""
    if not url.is_verified:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnprotectedDatabaseError(_NOT_PROVEN.format(error.verify_message.rstrip(".")))
    if isinstance(error, ssl.SSLError):
        return UnprotectedDatabaseError(_FAILED.format(error.reason or "it was cut off"))
    if type(error) is ConnectionError:  # asyncpg's error if the server refuses TLS; the system raises subclasses
        return UnprotectedDatabaseError(_OFF)
    return None


def why_unprotected(refusal: Exception) -> str | None:
    """Return, for operators, the TLS error that caused a refusal; None if it has another cause."""
    cause = refusal.__cause__
    if isinstance(refusal, Unavailable) and isinstance(cause, UnprotectedDatabaseError):
        return f"PASSGATE_DATABASE_URL: {cause}"
    return None


def describe_protection(url: DatabaseUrl, connection: Any) -> str:
    """Describe how an open asyncpg connection (`app.database.engine`) is protected."""
    if connection.tls_version:
        proven = "its certificate checked" if url.is_verified else "its certificate not checked"
        return f"by {connection.tls_version}, {proven} ({url.sslmode})"
    if url.sslmode == "disable" and not url.is_local:
        return "in clear: sslmode=disable, anyone on the network path can read it"
    return "in clear, on this machine"
