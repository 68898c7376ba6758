"""Listing and renaming accounts on the command line."""

import asyncio

import pytest

from app.commands import provision
from app.core.errors import InvalidRequest, NotFound
from tests.support.account.arrange import Tenant
from tests.support.account.variants import another_account
from tests.support.observe.audit import AuditTrail
from tests.support.observe.sql import run_sql


async def names_of(tenant: Tenant) -> list[str]:
    return [row[0] for row in await run_sql(tenant, "SELECT name FROM accounts WHERE id = :account")]


async def test_all_accounts_are_listed_once_over_several_pages(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provision, "PAGE", 1)
    other = await another_account(tenant)

    slugs = [account.slug async for account in provision.list_accounts(tenant.services)]

    assert {tenant.account.slug, other.account.slug} <= set(slugs)
    assert len(set(slugs)) == len(slugs)


async def test_a_renamed_account_keeps_its_slug_and_is_recorded(tenant: Tenant) -> None:
    other = await another_account(tenant)
    before = await names_of(other)
    trail = AuditTrail(tenant)
    await trail.new()

    for _ in range(2):
        await provision.rename_account(tenant.services, tenant.account.slug, "  A new\u00a0name ")

    assert await names_of(tenant) == ["A new name"]
    assert await names_of(other) == before
    [event] = await trail.new()
    assert (event.type, event.credential) == ("account.renamed", "command_line")
    assert event.target == ("account", tenant.account.id)
    assert event.details == {"old": tenant.account.name, "new": "A new name"}


async def test_two_renames_at_once_are_recorded_one_after_the_other(tenant: Tenant) -> None:
    trail = AuditTrail(tenant)
    await trail.new()

    await asyncio.gather(
        *(provision.rename_account(tenant.services, tenant.account.slug, name) for name in ("One", "Two"))
    )

    old = {event.details["old"]: event.details["new"] for event in await trail.new()}
    assert old[old[tenant.account.name]] == (await names_of(tenant))[0]


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\nb", "a" * 60_000], ids=lambda text: repr(text[:5]))
async def test_a_bad_name_is_refused(tenant: Tenant, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await provision.rename_account(tenant.services, tenant.account.slug, name)

    assert await names_of(tenant) == [tenant.account.name]


async def test_an_unknown_account_is_refused(tenant: Tenant) -> None:
    with pytest.raises(NotFound):
        await provision.rename_account(tenant.services, "nobody", "Name")
