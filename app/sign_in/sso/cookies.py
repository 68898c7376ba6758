"""The cookies that bind a browser login and its exchange code to the browser that began it.

They prevent login CSRF: an attacker must not get a victim's browser to finish the attacker's login, or to exchange
the attacker's code, and so to work in the attacker's account.
"""

from app.sign_in.sso.rules import CODE_LIFETIME, REQUEST_LIFETIME

_LOGIN = "passgate_sso"
_EXCHANGE = "passgate_exchange"


def login_cookie(secret: str, *, secure: bool, answered_cross_site: bool) -> str:
    """Return the Set-Cookie value of the login's secret, for ten minutes. An empty secret deletes the cookie.

    `answered_cross_site`: the provider's page posts the answer as a form (SAML) instead of redirecting.
    """
    lifetime = int(REQUEST_LIFETIME.total_seconds()) if secret else 0
    header = f"{_name(_LOGIN, secure=secure)}={secret}; HttpOnly; Path=/; Max-Age={lifetime}"
    if secure:
        return f"{header}; Secure; SameSite={'None' if answered_cross_site else 'Lax'}"
    # Browsers accept SameSite=None only with Secure. Without the attribute they send the cookie with cross-site
    # forms for two minutes.
    return header if answered_cross_site else f"{header}; SameSite=Lax"


def exchange_cookie(secret: str, *, secure: bool) -> str:
    """Return the Set-Cookie value of a code's browser secret, for the code's lifetime. An empty secret deletes it.

    SameSite=Lax suffices: the front end calls the exchange from its own page, on the same site.
    """
    lifetime = int(CODE_LIFETIME.total_seconds()) if secret else 0
    header = f"{_name(_EXCHANGE, secure=secure)}={secret}; HttpOnly; Path=/; Max-Age={lifetime}; SameSite=Lax"
    return f"{header}; Secure" if secure else header


def read_login_cookie(headers: list[str], *, secure: bool) -> str:
    """Return the secret of the browser's login; empty if there is no such cookie, or more than one."""
    return _read(headers, _name(_LOGIN, secure=secure))


def read_exchange_cookie(headers: list[str], *, secure: bool) -> str:
    """Return the browser secret of a code; empty if there is no such cookie, or more than one."""
    return _read(headers, _name(_EXCHANGE, secure=secure))


def _read(headers: list[str], wanted: str) -> str:
    pairs = [part.strip().partition("=") for header in headers for part in header.split(";")]
    found = [value for name, _, value in pairs if name == wanted]
    return found[0] if len(found) == 1 else ""


def _name(name: str, *, secure: bool) -> str:
    return f"__Host-{name}" if secure else name
