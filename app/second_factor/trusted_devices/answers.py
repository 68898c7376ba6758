"""What the calls that trust a device have in common over HTTP."""

from typing import Any
from uuid import UUID

from fastapi import Request, Response

from app.core.errors import invalid_field
from app.second_factor.trusted_devices.cookies import DeviceCookies
from app.second_factor.trusted_devices.rules import NotTrusted, Trust, TrustRequest
from app.second_factor.trusted_devices.schemas import DeviceOptions, NewlyTrustedDevice


def trust_asked(request: Request, options: DeviceOptions) -> TrustRequest:
    """Return what the client asks for; `cross_site` as the browser says it (`Sec-Fetch-Site`).

    Raises `InvalidRequest` if a page in a browser asks for the token itself, which a script could steal.
    """
    if options.device_storage == "body" and "origin" in request.headers:
        raise invalid_field("/device_storage", "not_allowed", "A browser keeps its device token in a cookie.")
    by_cookie = options.device_storage == "cookie"
    cross_site = by_cookie and request.headers.get("sec-fetch-site") == "cross-site"
    return TrustRequest(options.remember_device, cross_site)


def show_trust(trust: Trust | None, not_trusted: NotTrusted | None, options: DeviceOptions) -> dict[str, Any]:
    """Return the fields of `TrustOutcome`; with the token if the client stores it itself."""
    shown: NewlyTrustedDevice | None = None
    if trust:
        token = str(trust.token) if options.device_storage == "body" else None
        shown = NewlyTrustedDevice(id=trust.device.id, expires_at=trust.expires_at, token=token)
    return {"trusted_device": shown, "not_trusted_because": not_trusted}


def set_device_cookie(
    response: Response, cookies: DeviceCookies, user_id: UUID, trust: Trust | None, options: DeviceOptions
) -> None:
    """Set the cookie of a newly trusted device, unless the client stores the token itself."""
    if trust and options.device_storage == "cookie":
        for cookie in cookies.set_cookie_headers(user_id, trust.token, trust.days):
            response.headers.append("Set-Cookie", cookie)
