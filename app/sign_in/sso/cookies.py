"""The cookies that bind a login at a provider, and the code that it ends in, to the browser that began it.

Without them somebody could let a victim's browser finish a login that they began themselves, or exchange a code of
theirs, and so have the victim work in their account (login CSRF).
"""

from app.sign_in.sso.rules import CODE_LIFETIME, REQUEST_LIFETIME

_LOGIN = "passgate_sso"
_EXCHANGE = "passgate_exchange"


def login_cookie(secret: str, *, secure: bool, answered_cross_site: bool) -> str:
    """Return the header that keeps the login's secret for ten minutes; an empty secret removes it.

    `answered_cross_site`: the answer comes as a form posted from the provider's page (SAML), not by a redirect.
    """
    lifetime = int(REQUEST_LIFETIME.total_seconds()) if secret else 0
    header = f"{_name(_LOGIN, secure=secure)}={secret}; HttpOnly; Path=/; Max-Age={lifetime}"
    if secure:
        return f"{header}; Secure; SameSite={'None' if answered_cross_site else 'Lax'}"
    # Browsers take `None` by https only; without the attribute they send it with a form for two minutes.
    return header if answered_cross_site else f"{header}; SameSite=Lax"


def exchange_cookie(secret: str, *, secure: bool) -> str:
    """Return the header that keeps the secret of a code as long as the code lives; an empty secret removes it.

    The front end fetches the exchange from its own page, on the same site.
    """
    lifetime = int(CODE_LIFETIME.total_seconds()) if secret else 0
    header = f"{_name(_EXCHANGE, secure=secure)}={secret}; HttpOnly; Path=/; Max-Age={lifetime}; SameSite=Lax"
    return f"{header}; Secure" if secure else header


def read_login_cookie(headers: list[str], *, secure: bool) -> str:
    """Return the secret of the login that the browser has begun; empty when there is none, or two."""
    return _read(headers, _name(_LOGIN, secure=secure))


def read_exchange_cookie(headers: list[str], *, secure: bool) -> str:
    """Return the secret of the code that the browser has brought back; empty when there is none, or two."""
    return _read(headers, _name(_EXCHANGE, secure=secure))


def _read(headers: list[str], wanted: str) -> str:
    pairs = [part.strip().partition("=") for header in headers for part in header.split(";")]
    found = [value for name, _, value in pairs if name == wanted]
    return found[0] if len(found) == 1 else ""


def _name(name: str, *, secure: bool) -> str:
    return f"__Host-{name}" if secure else name
