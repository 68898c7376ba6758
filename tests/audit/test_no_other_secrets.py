"""Secrets of tokens, links, e-mails, providers and imports appear only where they belong."""

import json
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.core.callers import Role
from app.database.base import metadata
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import basic, by_token
from tests.support.account.identity_tokens import ask_token
from tests.support.account.importing import ARGON2, BCRYPT, SECRET, import_into, line
from tests.support.account.importing import PASSWORD as IMPORTED_PASSWORD
from tests.support.account.passwords import send
from tests.support.account.reports import ReportClient, download, text_of
from tests.support.account.saml_login import arrive, brought_back, name_saml_provider, post
from tests.support.account.secrets import NEW_PASSWORD, Secrets
from tests.support.account.services import with_changes
from tests.support.account.third_parties import SECRET as PROVIDER_SECRET
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of
from tests.support.observe.jobs import all_done, empty_queue, working
from tests.support.observe.metrics import scrape
from tests.support.observe.sql import run_sql
from tests.support.programs.mail import files_in, letters_in

LINK_TOKEN = r"#(pg[pr]_(?:[0-9a-f-]{36}\.)?[\w-]{43})"


class WatchedTenant(Tenant):
    """An account whose browsers record every error response."""

    def __init__(self, tenant: Tenant) -> None:
        super().__init__(tenant.app, tenant.services, tenant.clock, tenant.account)
        self.refusals: list[str] = []

    def browser(self, *, ip: str = "127.0.0.1") -> Client:
        client = super().browser(ip=ip)
        client.http.event_hooks = {"request": [], "response": [self._keep]}
        return client

    async def _keep(self, response: httpx.Response) -> None:
        await response.aread()
        if response.status_code >= 400:
            self.refusals.append(f"{response.headers}{response.text}")


@dataclass
class AccountHistory:
    """Uses every feature of an account, and collects the secrets and what the service wrote."""

    tenant: WatchedTenant
    reports: ReportClient
    secrets: Secrets = field(default_factory=Secrets)
    letters: list[EmailMessage] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)
    csv: str = ""

    async def run_jobs(self) -> str:
        """Run the waiting jobs; return the token of the newest e-mailed link, or an empty string.

        Ignores the link that stops a change of address, which goes to the old address.
        """
        self.queue += [row[0] for row in await run_sql(self.tenant, "SELECT j::text FROM procrastinate_jobs j")]
        directory = self.reports.services.settings.data_dir / "letters"
        async with working(self.reports.services):
            await all_done(self.reports.services)
        new = letters_in(directory)
        for path in files_in(directory):
            path.unlink()
        self.letters += new
        found = [token for letter in new for token in re.findall(LINK_TOKEN, text_of(letter))]
        self.secrets.note(*found)
        texts = "".join(text_of(letter) for letter in new)
        usable = [token for token in found if f"/email-stop?locale=en#{token}" not in texts]
        return usable[-1] if usable else ""

    async def use_everything(self) -> None:
        owner = await self.tenant.enrolled(Role.OWNER)
        await self._tokens(owner)
        await self._third_parties(owner)
        await self._links(owner)
        await self._report(owner)
        await self._import()

    async def _tokens(self, owner: SimulatedUser) -> None:
        body = {"description": "a script", "scopes": ["users:read"]}
        token = ok(await owner.browser.post("/api-tokens", json=body), 201)["token"]
        self.secrets.note(token, basic(f"{owner.user.email}/token", token))
        script = self.tenant.browser()
        for name, status in ((owner.user.email, 200), ("somebody@example.com", 401)):
            script.http.headers["Authorization"] = basic(f"{name}/token", token)
            assert (await script.get("/users")).status_code == status
        refused(
            await owner.browser.post("/password-links/redemption", json={"token": token}), 422, "invalid_request"
        )
        self.secrets.note(await ask_token(owner))
        backend = await by_token(self.tenant, owner, "sign_ins")
        person = await self.tenant.enrolled()
        given = await self.tenant.pass_passcode(person, device_storage="body")
        device = given["trusted_device"]["token"]
        self.secrets.note(device)
        self.secrets.note_session(person)
        asserted = {"user_id": person.id, "first_factor": "password", "device_token": device}
        ok(await backend.post("/sign-ins/assertions", json=asserted), 201)
        wrong = {"email": person.user.email, "password": "not the password", "device_token": device}
        refused(await self.tenant.browser().post("/sign-ins", json=wrong), 401, "invalid_credentials")

    async def _third_parties(self, owner: SimulatedUser) -> None:
        await name_provider(owner)
        self.secrets.note(PROVIDER_SECRET)
        good, forged = token_of(self.tenant), token_of(self.tenant, "another secret of thirty-two bytes or more")
        self.secrets.note(good, forged, good.rpartition(".")[2], forged.rpartition(".")[2])
        for token, status in ((good, 201), (good, 401), (forged, 401)):
            answer = await self.tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token))
            assert answer.status_code == status
        await name_saml_provider(owner)
        browser = self.tenant.browser()
        provider = await arrive(self.tenant, browser)
        self.secrets.note(*(str(cookie.value) for cookie in browser.cookies.jar))
        kind, code = brought_back(await post(browser, provider.honest()))
        assert kind == "code"
        self.secrets.note(code)
        for status in (201, 401):
            assert (await browser.post("/sign-ins/exchange", json={"code": code})).status_code == status

    async def _links(self, owner: SimulatedUser) -> None:
        person = await self.tenant.signed_in(Role.END_USER)
        ok(await self.tenant.browser().post("/password-links", json={"email": person.user.email}), 202)
        await self._redeem(await self.run_jobs())
        await self.tenant.step_up(owner)
        invited = {"email": "invited@example.com", "name": "Invited", "role": "agent"}
        ok(await owner.browser.post("/users", json=invited), 201)
        await self._redeem(await self.run_jobs())
        change = {"email": "moved@example.com"}
        ok(await owner.browser.patch(f"/users/{person.id}", json=change))
        token = await self.run_jobs()
        for status in (204, 410):
            answer = await self.tenant.browser().post("/email-confirmations", json={"token": token})
            assert answer.status_code == status

    async def _redeem(self, token: str) -> None:
        ok(await self.tenant.browser().post("/link-details", json={"token": token}))
        for password, status in (("short", 422), (NEW_PASSWORD, 204), (NEW_PASSWORD, 410)):
            body = {"token": token, "new_password": password}
            answer = await self.tenant.browser().post("/password-links/redemption", json=body)
            assert answer.status_code == status

    async def _report(self, owner: SimulatedUser) -> None:
        report = await self.reports.ask(owner, include_end_users=True)
        token = await self.run_jobs()
        ok(await self.tenant.browser().post("/report-link-details", json={"token": token}))
        for link, status in ((token, 200), (token[:-4] + "AAAA", 410)):
            answer = await self.tenant.browser().post("/report-downloads", json={"token": link})
            assert answer.status_code == status
        self.csv = (await download(owner, report)).decode()

    async def _import(self) -> None:
        self.secrets.note_secret(SECRET)
        self.secrets.note(IMPORTED_PASSWORD, BCRYPT, ARGON2)
        lines = [line("eve@example.com", password_hash=BCRYPT, totp_secret=SECRET)]
        lines.append(line("adam@example.com", password_hash=ARGON2))
        await import_into(self.tenant, *lines)
        refused(
            await send(self.tenant.browser(), "eve@example.com", "not the password"), 401, "invalid_credentials"
        )
        answer = ok(await send(self.tenant.browser(), "eve@example.com", IMPORTED_PASSWORD), 201)
        self.secrets.note(answer["sign_in_token"])
        await self.run_jobs()


@pytest.fixture
async def account_history(tenant: Tenant, tmp_path: Path) -> AccountHistory:
    await empty_queue(tenant.services)
    watched = WatchedTenant(tenant)
    history = AccountHistory(watched, ReportClient(watched, with_changes(tenant.services, data_dir=tmp_path)))
    with capture_logs() as logged:
        await history.use_everything()
    history.logged = logged
    return history


async def test_a_secret_is_in_no_audit_event_log_line_refusal_report_or_waiting_job(
    account_history: AccountHistory,
) -> None:
    events = await run_sql(
        account_history.tenant, "SELECT e::text FROM audit_events e WHERE account_id = :account"
    )

    written = {
        "audit": [row[0] for row in events],
        "log": [json.dumps(entry, default=str) for entry in account_history.logged],
        "refusal": account_history.tenant.refusals,
        "report": [account_history.csv],
        "job": account_history.queue,
    }
    for where, texts in written.items():
        assert texts, where
        for text in texts:
            assert not account_history.secrets.found_in(text), where


async def test_an_e_mail_holds_the_token_of_its_own_link_and_no_other_secret(
    account_history: AccountHistory,
) -> None:
    tokens: list[str] = []
    for letter in account_history.letters:
        parts = [str(part.get_content()) for part in letter.walk() if not part.is_multipart()]
        found = {token for part in parts for token in re.findall(LINK_TOKEN, part)}
        assert len(found) <= 1, letter["Subject"]
        tokens += found
        rest = "\n".join([*parts, *(f"{name}: {value}" for name, value in letter.items())])
        for token in found:
            rest = rest.replace(token, "")
        assert not account_history.secrets.found_in(rest), letter["Subject"]
        assert PASSWORD not in rest

    assert sorted(token[:4] for token in tokens) == ["pgp_", "pgp_", "pgp_", "pgp_", "pgr_"]
    assert len(set(tokens)) == 5


async def test_a_dump_of_all_tables_holds_no_usable_secret(account_history: AccountHistory) -> None:
    dumped = 0
    tables = [table.name for table in metadata.sorted_tables if "account_id" in table.columns]
    assert {table.name for table in metadata.sorted_tables} - set(tables) == {"accounts"}
    for table in tables:
        statement = f"SELECT t::text FROM {table} t WHERE account_id = :account"  # noqa: S608 -- ours
        for (row,) in await run_sql(account_history.tenant, statement):
            # Password hashes are stored; an imported hash stays until its user signs in.
            text = re.sub(r"\$(argon2id?|2[aby])\$\S+", "", row) if table == "users" else row
            assert not account_history.secrets.found_in(text), table
            dumped += 1

    assert dumped >= 50


async def test_the_metrics_hold_no_secret_and_no_account_or_user(account_history: AccountHistory) -> None:
    metrics = await scrape(account_history.tenant.services)

    assert 'passgate_requests_total{method="POST",route="/v1/accounts/{account}/sign-ins"' in metrics
    assert not account_history.secrets.found_in(metrics)
    for account_or_user in (str(account_history.tenant.account.id), account_history.tenant.account.slug, "@"):
        assert account_or_user not in metrics
