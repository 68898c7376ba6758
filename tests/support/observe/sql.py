"""Direct access to the tables, for what no client can do or see."""

from typing import Any

from sqlalchemy import text

from tests.support.account.arrange import SimulatedUser, Tenant


async def run_sql(tenant: Tenant, statement: str, **values: Any) -> list[Any]:
    """Run one statement in its own transaction, with `:account` bound, and return its rows."""
    async with tenant.services.database.begin() as tx:
        done = await tx.execute(text(statement), {"account": tenant.account.id, **values})
        return list(done) if done.returns_rows else []


async def set_status(tenant: Tenant, person: SimulatedUser, status: str) -> None:
    """Suspend a user, or make one active."""
    statement = "UPDATE users SET status = :status WHERE account_id = :account AND id = :id"
    await run_sql(tenant, statement, status=status, id=person.user.id)


async def set_role(tenant: Tenant, person: SimulatedUser, role: str) -> None:
    """Change a user's role."""
    statement = "UPDATE users SET role = :role WHERE account_id = :account AND id = :id"
    await run_sql(tenant, statement, role=role, id=person.user.id)
