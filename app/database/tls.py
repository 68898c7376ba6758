"""How connections to the database are protected: what each driver is told, and what it means when that fails."""

import os
import ssl
from functools import lru_cache
from typing import Any

from app.core.database_url import SYSTEM_STORE, DatabaseUrl
from app.core.errors import Unavailable
from app.core.settings import SettingsError

_OFF = (
    "the server offers no TLS, or a machine in between says so. Turn it on there (ssl = on); only in a network "
    "that nobody else reaches write sslmode=disable"
)
_FAILED = "the server and this machine agree on no TLS connection ({})"
_NOT_PROVEN = "the server's certificate is not accepted ({}). Name its authority by sslrootcert=FILE"


class UnprotectedDatabaseError(Exception):
    """The database does not prove who it is; the message is for operators, and was not sent to any client."""


def asyncpg_tls(url: DatabaseUrl) -> ssl.SSLContext | str:
    """Return asyncpg's argument `ssl`; raises `SettingsError` for files that cannot be read."""
    return _context(url) if url.is_verified else url.sslmode


def libpq_tls(url: DatabaseUrl) -> dict[str, str]:
    """Return libpq's parameters, which leave none of this to its own environment variables."""
    files = {"sslrootcert": url.root, "sslcert": url.certificate, "sslkey": url.key}
    given = {name: str(path) for name, path in files.items() if path is not None}
    if url.is_verified and url.root is None:
        _name_system_store()
        given["sslrootcert"] = SYSTEM_STORE
    return {"sslmode": url.sslmode, "gssencmode": "disable", **given}


def _name_system_store() -> None:
    """Tell OpenSSL where the operating system keeps its authorities.

    psycopg's wheel brings an OpenSSL of its own, which looks where nothing is; Python's knows the place.
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
    """Return what a failure to connect says about TLS; None if it is about something else."""
    if not url.is_verified:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnprotectedDatabaseError(_NOT_PROVEN.format(error.verify_message.rstrip(".")))
    if isinstance(error, ssl.SSLError):
        return UnprotectedDatabaseError(_FAILED.format(error.reason or "it was cut off"))
    if type(error) is ConnectionError:  # asyncpg's own for an answer other than "S"; the system raises subclasses
        return UnprotectedDatabaseError(_OFF)
    return None


def why_unprotected(refusal: Exception) -> str | None:
    """Return, for operators, why a connection was given up that would not have been protected."""
    cause = refusal.__cause__
    if isinstance(refusal, Unavailable) and isinstance(cause, UnprotectedDatabaseError):
        return f"PASSGATE_DATABASE_URL: {cause}"
    return None


def describe_protection(url: DatabaseUrl, connection: Any) -> str:
    """Return how an open connection of asyncpg's (`app.database.engine`) is protected."""
    if connection.tls_version:
        proven = "its certificate checked" if url.is_verified else "its certificate not checked"
        return f"by {connection.tls_version}, {proven} ({url.sslmode})"
    if url.sslmode == "disable" and not url.is_local:
        return "in clear: sslmode=disable, all in between read it"
    return "in clear, on this machine"
