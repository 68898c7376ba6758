"""The purposes, lifetimes and URLs of links."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID

PREFIX = "pgp_"


class Purpose(StrEnum):
    """What a link can be used for."""

    INVITATION = "invitation"
    PASSWORD = "password"  # noqa: S105 -- what a link is for
    EMAIL = "email"
    EMAIL_STOP = "email_stop"

    @property
    def page(self) -> str:
        """The name of the page that the link leads to."""
        return {Purpose.EMAIL: "email", Purpose.EMAIL_STOP: "email-stop"}.get(self, "password")


LIFETIMES = {
    Purpose.INVITATION: timedelta(days=7),
    Purpose.PASSWORD: timedelta(hours=1),
    Purpose.EMAIL: timedelta(hours=24),
    Purpose.EMAIL_STOP: timedelta(hours=24),
}
RENEWABLE = frozenset({Purpose.PASSWORD})
"""Links that end within hours. The others live for a day or more: whoever needs one asks again."""
RENEWED_FOR = timedelta(hours=24)
"""How long after the request a link that could not be sent in time is replaced by a fresh one."""
# Rate limits: e-mails to one e-mail address, and requests from one IP address.
LETTERS_TO_EMAIL = "5/3600"
REQUESTS_FROM_ADDRESS = "30/3600"
SETS_PASSWORD = frozenset({Purpose.INVITATION, Purpose.PASSWORD})


@dataclass(frozen=True)
class Link:
    """A link of a user.

    `email` is the new address that it confirms or stops; `requested_by` is the user who requested the change.
    """

    id: UUID
    user_id: UUID
    purpose: Purpose
    email: str | None
    expires_at: datetime
    token_digest: bytes | None = None
    sealed_token: bytes | None = None
    used_at: datetime | None = None
    requested_by: UUID | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and now < self.expires_at

    def is_renewable(self, requested_at: datetime, now: datetime) -> bool:
        """Whether an unsent link that has ended is to be replaced by a fresh one."""
        return self.purpose in RENEWABLE and now < requested_at + RENEWED_FOR

    @property
    def was_sent(self) -> bool:
        """Whether the e-mail was sent; the encrypted token is kept only until then."""
        return self.token_digest is not None and self.sealed_token is None


@dataclass(frozen=True)
class NewLink:
    """A link's token, which is shown once, the language of its user, and when it ends."""

    token: str
    locale: str
    expires_at: datetime


@dataclass(frozen=True)
class LinkDetails:
    """What the holder of an open link may see of it; the e-mail addresses are masked.

    `purpose` is one of `Purpose`, or `report`. `new_email` is the address that the link confirms or stops.
    """

    purpose: str
    account_name: str
    name: str
    email: str
    new_email: str | None
    expires_at: datetime


@dataclass(frozen=True)
class Pending:
    """What a user has yet to do by a link: confirm `pending_email`, and, if `invited`, choose a password."""

    pending_email: str | None
    invited: bool


def link_url(template: str | None, public_url: str, *, slug: str, page: str, locale: str, token: str) -> str:
    """Return the URL in the e-mail: a page of the front end, or Passgate's own page.

    The token is in the fragment, which browsers send to no server, so it appears in no log. The user's locale is
    in the URL, so that the page has the language of the e-mail even if the link has ended.
    """
    url = template or public_url + "/links/{account}/{kind}?locale={locale}#{token}"
    values = {"account": slug, "kind": page, "locale": quote(locale, safe=""), "token": token}
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", value)
    return url
