"""Names, locales and internationalized addresses in an import and at the command line."""

import pytest

from app.accounts.users.use_cases import NewUser
from app.commands import provision
from app.core.callers import Role
from app.core.errors import InvalidRequest
from tests.core.test_one_line import REAL_NAMES
from tests.support.account.arrange import Tenant
from tests.support.account.importing import import_into, line, refused_import
from tests.support.observe.sql import run_sql


async def stored(tenant: Tenant) -> list[tuple[str, str]]:
    rows = await run_sql(tenant, "SELECT name, locale FROM users WHERE account_id = :account ORDER BY email")
    return [(name, locale) for name, locale in rows]


async def test_real_names_and_locales_are_imported(tenant: Tenant) -> None:
    names = [*REAL_NAMES, "Rene\u0301e", " 山田\u3000太郎 "]
    locales = ["zh-Hans", "sr-Latn-RS", "es-419", "EN", "de-at"]

    lines = [line(f"a{place:02}@example.com", name=name) for place, name in enumerate(names)]
    lines += [line(f"b{place}@example.com", locale=locale) for place, locale in enumerate(locales)]
    report = await import_into(tenant, *lines)

    assert report.taken == len(lines)
    kept = [*REAL_NAMES, "Ren\u00e9e", "山田 太郎"]
    assert await stored(tenant) == [(name, "en") for name in kept] + [("Somebody", tag) for tag in locales]


async def test_two_spellings_of_an_address_are_one_user(tenant: Tenant) -> None:
    await tenant.person(email="b@müller.example")

    said = await refused_import(
        tenant, line("a@müller.example"), line("A@xn--mller-kva.example"), line("b@XN--MLLER-KVA.example")
    )

    assert said == [
        "line 2: email: is already used in line 1",
        "line 3: email: is already used by an existing user",
    ]
    report = await import_into(tenant, line("a@straße.example"), line("a@strasse.example"))
    assert report.taken == 2


async def test_the_commands_keep_real_names(tenant: Tenant) -> None:
    slug = tenant.account.slug
    names = [*REAL_NAMES, "\u3000Rene\u0301e "]
    for place, name in enumerate(names):
        new = NewUser(f"a{place:02}@example.com", name, Role.AGENT)
        await provision.add_user(tenant.services, slug, new, None)
    assert await stored(tenant) == [(name, "en") for name in [*REAL_NAMES, "Ren\u00e9e"]]

    for name in ("a\nb", "a\u202eb", " ", "\u200d"):
        with pytest.raises(InvalidRequest):
            await provision.add_user(tenant.services, slug, NewUser("b@example.com", name, Role.AGENT), None)


@pytest.mark.parametrize(
    ("email", "name"), [("Rene\u0301e@b.example", "Ren\u00e9e"), ("\u3164@b.example", "\u3164@b.example")]
)
async def test_an_owner_gets_a_name_from_the_address(tenant: Tenant, email: str, name: str) -> None:
    slug = f"{tenant.account.slug}-b"

    await provision.add_account(
        tenant.services, slug=slug, name="山田\u3000商店", owner_email=email, password=None
    )

    statement = """
        SELECT accounts.name, users.name FROM accounts JOIN users ON users.account_id = accounts.id
        WHERE slug = :slug AND CAST(:account AS uuid) IS NOT NULL
    """
    assert [tuple(row) for row in await run_sql(tenant, statement, slug=slug)] == [("山田 商店", name)]
