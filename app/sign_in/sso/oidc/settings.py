"""Settings of an OpenID Connect provider."""

from collections.abc import Mapping
from typing import Any

from app.core.addresses import FetchPolicy
from app.core.errors import invalid_field
from app.sign_in.sso.rules import ProtocolSettings, check_return_urls


def _check(given: Mapping[str, Any], fetched: FetchPolicy) -> None:
    issuer = given["issuer"]
    if "?" in issuer or not fetched.allows_url(issuer):
        detail = "This is no https address on the public internet, without query, fragment and user."
        raise invalid_field("/issuer", "malformed", detail)
    check_return_urls(given.get("return_urls", []))


SETTINGS = ProtocolSettings(
    known={"issuer": True, "client_id": True, "return_urls": False},
    secret="client_secret",  # noqa: S106 -- the name of a field
    check=_check,
)
