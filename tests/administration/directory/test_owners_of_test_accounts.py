"""An e-mail address owns test accounts or real ones, never both."""

import asyncio
from typing import Any

import pytest

from app.commands import provision
from app.core.callers import Role
from app.core.errors import Conflict
from tests.support.account.arrange import PASSWORD, SimulatedUser, Tenant, make_tenant
from tests.support.account.authority import change
from tests.support.account.client import ok, refused
from tests.support.account.reviewers import make_test_account
from tests.support.account.variants import another_account
from tests.support.observe.mailbox import empty_mailbox
from tests.support.observe.sql import run_sql

EVE = "Eve@example.com"


async def make(tenant: Tenant, slug: str, *, email: str, test: bool) -> None:
    """Create an account as the command line does."""
    made: dict[str, Any] = {"slug": slug, "name": "Example", "owner_email": email, "password": PASSWORD}
    await provision.add_account(tenant.services, **made, test=test)


@pytest.mark.parametrize("test", [True, False])
async def test_an_owner_does_not_get_an_account_of_the_other_sort(tenant: Tenant, *, test: bool) -> None:
    first, second, third = (f"{tenant.account.slug}-{n}" for n in range(3))
    await make(tenant, first, email=EVE, test=test)

    with pytest.raises(Conflict, match="owns a real account cannot own a test account"):
        await make(tenant, second, email=" eve@EXAMPLE.com ", test=not test)

    await make(tenant, third, email=EVE, test=test)
    found = await run_sql(
        tenant, "SELECT slug FROM accounts WHERE slug LIKE :mine", mine=f"{tenant.account.slug}-%"
    )
    assert {row.slug for row in found} == {first, third}
    await run_sql(tenant, "DELETE FROM accounts WHERE slug LIKE :mine", mine=f"{tenant.account.slug}-%")


async def test_of_two_commands_at_once_one_is_refused(tenant: Tenant) -> None:
    slugs = [f"{tenant.account.slug}-{n}" for n in range(8)]
    made = await asyncio.gather(
        *(make(tenant, slug, email=EVE, test=n % 2 == 0) for n, slug in enumerate(slugs)), return_exceptions=True
    )

    found = await run_sql(
        tenant, "SELECT DISTINCT test FROM accounts WHERE slug LIKE :mine", mine=f"{tenant.account.slug}-%"
    )
    assert len(found) == 1
    assert {type(outcome) for outcome in made} == {type(None), Conflict}
    await run_sql(tenant, "DELETE FROM accounts WHERE slug LIKE :mine", mine=f"{tenant.account.slug}-%")


@pytest.mark.parametrize("test", [True, False])
async def test_ownership_is_not_handed_over_to_an_owner_of_the_other_sort(tenant: Tenant, *, test: bool) -> None:
    here = await make_tenant(tenant.app, tenant.services, tenant.clock, test=test)
    there = await make_tenant(tenant.app, tenant.services, tenant.clock, test=not test)
    same_sort = await make_tenant(tenant.app, tenant.services, tenant.clock, test=test)
    other, colleague = await there.person(Role.OWNER), await same_sort.person(Role.OWNER)
    owner = await here.signed_in(Role.OWNER)
    heir = await here.person(Role.ADMIN, email=other.user.email)

    refused(await owner.browser.post("/ownership", json={"user_id": heir.id}), 409, "conflict")
    assert ok(await owner.browser.get("/session"))["user"]["role"] == "owner"

    heir = await here.person(Role.ADMIN, email=colleague.user.email)
    ok(await owner.browser.post("/ownership", json={"user_id": heir.id}))


async def test_an_owner_does_not_confirm_an_address_that_owns_an_account_of_the_other_sort(
    tenant: Tenant, owner: SimulatedUser
) -> None:
    sandbox = await make_test_account(tenant)
    tester = await sandbox.person(Role.OWNER)
    mailbox = await empty_mailbox(tenant)
    await change(owner, owner, email=tester.user.email)
    body = {"token": await mailbox.token(tester.user.email)}

    refused(await tenant.browser().post("/email-confirmations", json=body), 409, "conflict")

    assert ok(await owner.browser.get("/session"))["user"]["email"] == owner.user.email


async def test_other_roles_are_not_concerned(tenant: Tenant, owner: SimulatedUser) -> None:
    sandbox = await make_test_account(tenant)
    boss = await sandbox.signed_in(Role.OWNER)
    new = {"email": owner.user.email, "name": "Owner elsewhere", "role": "admin"}

    ok(await boss.browser.post("/users", json=new), 201)
    ok(await owner.browser.post("/users", json=new | {"email": boss.user.email}), 201)


async def test_an_owner_of_a_real_account_may_own_another_real_one(tenant: Tenant, owner: SimulatedUser) -> None:
    other = await another_account(tenant)

    await other.person(Role.OWNER, email=owner.user.email)
