"""Fetch JSON from an issuer, by the guarded fetcher."""

import json
from dataclasses import dataclass
from typing import Any

from app.core.guarded_fetch import Credentials, FetchFailed, GuardedFetcher


class IssuerFailed(Exception):  # noqa: N818 -- named like `FetchFailed`
    """An issuer does not answer, or answers wrongly. The message is for the log."""


@dataclass(frozen=True)
class Answered:
    """An issuer's answer. `document` is empty if the body is not a JSON object."""

    status: int
    document: dict[str, Any]
    media_type: str


async def fetch_json(
    fetcher: GuardedFetcher, url: str, *, form: dict[str, str] | None = None, auth: Credentials | None = None
) -> Answered:
    """GET the address, or POST a form to it; raises `IssuerFailed`."""
    try:
        fetched = await fetcher.fetch(url, form=form, auth=auth)
    except FetchFailed as failed:
        raise IssuerFailed(str(failed)) from None
    return Answered(fetched.status, _parse(fetched.body), fetched.media_type)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
