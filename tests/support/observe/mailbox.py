"""The e-mails that an account's users get, and the links in them."""

import re
from pathlib import Path

from tests.support.account.arrange import Tenant
from tests.support.observe.jobs import all_done, empty_queue, working
from tests.support.programs.mail import parse

_PAGE = r"http://127\.0\.0\.1:8000/links/[a-z0-9-]+/(?:password|email|email-stop)"
_LINK = rf"{_PAGE}\?locale=[\w-]+#(pgp_[\w-]{{43}})"


class Mailbox:
    """The e-mails that the account's users got."""

    def __init__(self, tenant: Tenant, directory: Path) -> None:
        self._tenant = tenant
        self._directory = directory

    async def read(self) -> list[tuple[str, str]]:
        """Let a worker send the queued e-mails; return recipient and text of each, oldest first."""
        async with working(self._tenant.services):
            await all_done(self._tenant.services)
        paths = sorted(self._directory.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        letters = [parse(path.read_bytes()) for path in paths]
        for path in paths:
            path.unlink()
        bodies = [letter.get_body(("plain",)) for letter in letters]
        return [
            (str(letter["To"]), body.get_content() if body else "")
            for letter, body in zip(letters, bodies, strict=True)
        ]

    async def token(self, to: str) -> str:
        """Return the token of the only e-mail to this address; other addresses may have e-mails too."""
        [text] = [text for recipient, text in await self.read() if to in recipient]
        return token_in(text)


def token_in(text: str) -> str:
    """Return the token of the link in an e-mail."""
    found = re.search(_LINK, text)
    assert found, text
    return found[1]


async def empty_mailbox(tenant: Tenant) -> Mailbox:
    """Return the account's mailbox, with no e-mails sent or queued."""
    await empty_queue(tenant.services)
    directory = tenant.services.settings.data_dir / "letters"
    directory.mkdir(parents=True, exist_ok=True)
    for letter in directory.glob("*.eml"):
        letter.unlink()
    return Mailbox(tenant, directory)
