"""Requesting reports, running their jobs without a worker, and reading the e-mails."""

import csv
import io
import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import httpx

from app.services import Services
from app.worker import TASKS
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok
from tests.support.observe.sql import run_sql
from tests.support.programs.mail import letters_in

BODY = {"type": "two_factor_status"}
BYTE_ORDER_MARK = "\ufeff".encode()
COLUMNS = [
    "user_id",
    "name",
    "email",
    "role",
    "status",
    "two_factor",
    "required_by_account",
    "turned_on_by_user",
    "methods",
    "passcode_frequency",
    "recovery_codes_left",
    "trusted_devices",
    "enrolled_at",
    "last_passcode_at",
    "last_sign_in_at",
    "test_account",
]

_LINK = r"http://127\.0\.0\.1:8000/links/([a-z0-9-]+)/report\?locale=[\w-]+#(pgr_[0-9a-f-]{36}\.[\w-]{43})"
_TASKS = {task.__name__: task for task in TASKS}


@dataclass(frozen=True)
class Link:
    """The link in the e-mail: it opens a page whose script sends the token."""

    token: str

    @property
    def report_id(self) -> str:
        return self.token.removeprefix("pgr_").partition(".")[0]

    async def follow(self, client: Client, *, token: str | None = None) -> httpx.Response:
        """Download as the page does."""
        return await client.post("/report-downloads", json={"token": self.token if token is None else token})


@dataclass(frozen=True)
class ReportClient:
    """Requests reports of an account; `services` belong to the worker and its e-mails."""

    tenant: Tenant
    services: Services

    async def ask(self, admin: SimulatedUser, **body: Any) -> dict[str, Any]:
        """Request a report, and return the answer."""
        asked: dict[str, Any] = ok(await admin.browser.post("/reports", json=BODY | body), 202)
        return asked

    async def take_job(self) -> tuple[str, dict[str, Any]] | None:
        """Remove the oldest report job of this account from the queue, and return it."""
        statement = """
            DELETE FROM procrastinate_jobs WHERE id = (
                SELECT min(id) FROM procrastinate_jobs WHERE task_name IN ('write_report', 'send_report_link')
                AND args->>'account_id' = CAST(CAST(:account AS uuid) AS text)
            ) RETURNING task_name, args
        """
        found = await run_sql(self.tenant, statement)
        return (found[0].task_name, found[0].args) if found else None

    async def run_job(self) -> str | None:
        """Run the oldest job; return the name of its task."""
        job = await self.take_job()
        if job is None:
            return None
        await _TASKS[job[0]](self.services, **job[1])
        return job[0]

    async def run_jobs(self) -> None:
        """Run the jobs until there is none."""
        while await self.run_job():
            pass

    async def written(self, admin: SimulatedUser, **body: Any) -> dict[str, Any]:
        """Request a report, let it be written, and return it."""
        asked = await self.ask(admin, **body)
        await self.run_jobs()
        report: dict[str, Any] = ok(await admin.browser.get(f"/reports/{asked['id']}"))
        assert report["status"] == "ready"
        return report

    async def rows(self, admin: SimulatedUser, **body: Any) -> list[dict[str, str]]:
        """Return the rows of a new report, as Python reads them."""
        report = await self.written(admin, **body)
        found = read_csv(await download(admin, report))
        assert len(found) == report["rows"]
        return found

    def letters(self) -> list[EmailMessage]:
        """Return the e-mails that were sent."""
        return letters_in(self.services.settings.data_dir / "letters")

    def link(self) -> Link:
        """Return the link in the only e-mail."""
        [letter] = self.letters()
        return link_in(letter, self.tenant)


def text_of(letter: EmailMessage) -> str:
    """Return the plain text of an e-mail."""
    body = letter.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text


def link_in(letter: EmailMessage, tenant: Tenant) -> Link:
    """Return the link in the e-mail to a report of the account."""
    [(slug, token)] = set(re.findall(_LINK, text_of(letter)))
    assert slug == tenant.account.slug
    return Link(token)


async def download(person: SimulatedUser, report: dict[str, Any]) -> bytes:
    """Return the CSV file of the report from the API."""
    response = await person.browser.get(f"/reports/{report['id']}/csv")
    assert response.status_code == 200, response.text
    return response.content


def read_csv(content: bytes) -> list[dict[str, str]]:
    """Return the rows as dictionaries; fail if the CSV is malformed."""
    reader = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    rows = list(reader)
    assert reader.fieldnames == COLUMNS
    assert not [row for row in rows if None in row or None in row.values()]
    return rows
