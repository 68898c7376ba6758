"""An issuer's UserInfo endpoint (OpenID Connect Core 5.3)."""

import re
from collections.abc import Mapping
from typing import Any

from app.core.guarded_fetch import BearerToken, GuardedFetcher
from app.sign_in.sso.oidc.issuer.fetching import IssuerFailed, fetch_json

_OK = 200
_TOO_MANY_REQUESTS = 429
_LONGEST_TOKEN = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 2.1
_SIGNED = "application/jwt"


class NoUserInfo(Exception):  # noqa: N818 -- named for the outcome
    """UserInfo gives no claims to this client. The message is for the log and never quotes the answer."""


def bearer_token(answer: Mapping[str, Any]) -> str | None:
    """Return the access token of a token endpoint's answer; None if it is no bearer token (RFC 6749 7.1)."""
    token, type_ = answer.get("access_token"), answer.get("token_type")
    if not isinstance(token, str) or not isinstance(type_, str) or type_.lower() != "bearer":
        return None
    return token if len(token) <= _LONGEST_TOKEN and _TOKEN.fullmatch(token) else None


async def fetch_userinfo(fetcher: GuardedFetcher, endpoint: str | None, token: str | None) -> dict[str, Any]:
    """Return the claims that UserInfo gives for the access token. The caller checks the `sub`.

    Raises `NoUserInfo`, and `IssuerFailed` if the endpoint does not answer. Only JSON over the verified connection
    is read, never a signed or encrypted answer.
    """
    if endpoint is None or token is None:
        raise NoUserInfo("the issuer has no UserInfo endpoint, or gives no bearer token for it")
    answered = await fetch_json(fetcher, endpoint, auth=BearerToken(token))
    if answered.status in range(300, 400) or answered.status in {_TOO_MANY_REQUESTS, *range(500, 600)}:
        raise IssuerFailed(f"answered {answered.status}")
    if answered.status != _OK:
        raise NoUserInfo(f"UserInfo answers {answered.status}")
    if answered.media_type == _SIGNED:
        raise NoUserInfo("UserInfo is signed or encrypted (application/jwt): register the client for plain JSON")
    if answered.media_type != "application/json":
        raise NoUserInfo("UserInfo is not declared application/json")
    return answered.document
