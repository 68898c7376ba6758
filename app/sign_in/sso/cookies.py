"""The cookie that binds a login at a provider to the browser that began it.

Without it somebody could let a victim's browser finish a login that they began themselves, and so have the victim
work in their account (login CSRF).
"""

from app.sign_in.sso.rules import REQUEST_LIFETIME

_NAME = "passgate_sso"


def login_cookie(secret: str, *, secure: bool, answered_cross_site: bool) -> str:
    """Return the header that keeps the login's secret for ten minutes; an empty secret removes it.

    `answered_cross_site`: the answer comes as a form posted from the provider's page (SAML), not by a redirect.
    """
    lifetime = int(REQUEST_LIFETIME.total_seconds()) if secret else 0
    header = f"{_name(secure=secure)}={secret}; HttpOnly; Path=/; Max-Age={lifetime}"
    if secure:
        return f"{header}; Secure; SameSite={'None' if answered_cross_site else 'Lax'}"
    # Browsers take `None` by https only; without the attribute they send it with a form for two minutes.
    return header if answered_cross_site else f"{header}; SameSite=Lax"


def read_login_cookie(headers: list[str], *, secure: bool) -> str:
    """Return the secret of the login that the browser has begun; empty when there is none, or two."""
    pairs = [part.strip().partition("=") for header in headers for part in header.split(";")]
    found = [value for name, _, value in pairs if name == _name(secure=secure)]
    return found[0] if len(found) == 1 else ""


def _name(*, secure: bool) -> str:
    return f"__Host-{_NAME}" if secure else _NAME
