"""A report opened with another separator than the comma: no cell runs as a formula."""

import asyncio
import csv
import io
import itertools
import subprocess
import unicodedata
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.reports import ReportClient, download, read_csv
from tests.support.observe.sql import run_sql
from tests.support.programs.serving import installed

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
SEPARATORS = ",;\t"
LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"]
UNSEEN = [
    "",
    " ",
    "\t",
    '"',
    '""',
    "\N{NO-BREAK SPACE}",
    "\N{ZERO WIDTH SPACE} ",
    "\N{TAG SPACE}",
    "\u3164",
    "\r\n",
    "\x01",
]
# Invisible, although Unicode counts them as letters and marks.
INVISIBLE_MARKS = "\u115f\u1160\u3164\uffa0\u034f\ufe0f"

ATTACK = "x;=cmd|' /C calc'!A0;y"


def is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Zs", "Zl", "Zp"} or character in INVISIBLE_MARKS


def is_run(cell: str) -> bool:
    """Return whether a spreadsheet would run it: its first visible character is in `FORMULA`."""
    seen = next((character for character in cell if not is_unseen(character)), "")
    return seen != "" and seen in FORMULA


def cells(content: str, separator: str) -> list[str]:
    """Return the cells that Python reads with this separator, in three dialects of CSV."""
    whole = csv.reader(io.StringIO(content, newline=""), delimiter=separator)
    by_line = csv.reader(content.splitlines(), delimiter=separator)
    unquoted = csv.reader(content.splitlines(), delimiter=separator, quoting=csv.QUOTE_NONE)
    return [cell for reader in (whole, by_line, unquoted) for row in reader for cell in row]


def runs(content: bytes) -> list[str]:
    return [cell for separator in SEPARATORS for cell in cells(content.decode(), separator) if is_run(cell)]


async def create_users(tenant: Tenant, names: list[str]) -> None:
    """Create an agent with each name, in bulk."""
    values = {"names": names, "account": tenant.account.id, "now": tenant.clock.now()}
    users = """
        INSERT INTO users (account_id, id, email, email_key, name, role, status, locale, created_at)
        SELECT :account, gen_random_uuid(), 'u' || n || '@example.com', 'u' || n || '@example.com', name,
               'agent', 'active', 'en', :now
        FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS named (name, n)
    """
    states = """
        INSERT INTO second_factor_state
            (account_id, user_id, version, failures, turned_on_by_user, passcode_frequency)
        SELECT account_id, id, 1, 0, false, 'every_30_days' FROM users WHERE account_id = :account
        ON CONFLICT DO NOTHING
    """
    async with tenant.services.database.begin() as tx:
        await tx.execute(text(users), values)
        await tx.execute(text(states), values)


async def test_no_cell_is_run_after_any_separator_and_invisible_characters(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    made = itertools.product(["", "x", 'x"', "x;"], [*SEPARATORS, '"', "|", *LINE_ENDS], UNSEEN, FORMULA)
    names = ["".join(parts) + "1" for parts in made]
    await create_users(tenant, names)

    content = await download(owner, await reports.written(owner))

    assert runs(content) == []
    found = sorted(row["name"].replace("'", "") for row in read_csv(content))
    assert found == sorted([*names, owner.user.name])


def drawn_names(count: int) -> list[str]:
    """Return names drawn by Hypothesis, which cannot run inside the tests' event loop."""
    parts = [*SEPARATORS, *LINE_ENDS, *UNSEEN, *FORMULA, '"', "'", "|", "a", "1", "é"]
    found: list[str] = []

    @settings(max_examples=count, database=None, derandomize=True)
    @given(st.lists(st.sampled_from([part for part in parts if part]), max_size=12).map("".join))
    def collect(name: str) -> None:
        found.append(name or "a")

    collect()
    return found


async def test_no_cell_of_a_random_name_is_run_at_any_separator(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    names = drawn_names(2000)
    await create_users(tenant, names)

    content = await download(owner, await reports.written(owner))

    assert runs(content) == []
    found = sorted(row["name"].replace("'", "") for row in read_csv(content))
    assert found == sorted(name.replace("'", "") for name in [*names, owner.user.name])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (ATTACK, "x;'=cmd|' /C calc'!A0;y"),
        ("x\t=1+1", "x\t'=1+1"),
        ("x; \N{NO-BREAK SPACE}=1+1", "x;' \N{NO-BREAK SPACE}=1+1"),
        ('x;"=1+1', "x;'\"=1+1"),
        ("x,-1", "x,'-1"),
        ("x\n@y", "x\n'@y"),
        ("=1;+2", "'=1;'+2"),
        ('"=1+1"', '"=1+1"'),
        ("a;b", "a;b"),
        ("Lee, Ann-Marie; R&D", "Lee, Ann-Marie; R&D"),
        ("1-2=3", "1-2=3"),
    ],
)
async def test_an_apostrophe_follows_the_separator_and_nothing_else_changes(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant, name: str, shown: str
) -> None:
    await create_users(tenant, [name])

    [found] = [row["name"] for row in await reports.rows(owner) if row["user_id"] != owner.id]

    assert found == shown


async def test_names_addresses_and_methods_are_quoted(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    await create_users(tenant, ["a;b"])
    await run_sql(
        tenant, "UPDATE users SET email = '\"a;b\"@example.com' WHERE account_id = :account AND name = 'a;b'"
    )

    content = await download(owner, await reports.written(owner))

    assert b',"a;b","""a;b""@example.com",' in content


@pytest.mark.skipif(not installed("soffice"), reason="needs LibreOffice: apt-get install libreoffice-calc")
@pytest.mark.parametrize("separator", [";", "\t"])
async def test_libreoffice_runs_nothing_at_another_separator(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant, tmp_path: Path, separator: str
) -> None:
    prefixes = ["", '"', " ", "\t", "\n"]
    await create_users(
        tenant,
        [ATTACK, *(f"x{separator}{prefix}{first}1+1{separator}y" for prefix in prefixes for first in "=+-@")],
    )
    await reports.written(owner)
    (tmp_path / "report.csv").write_bytes((await reports.link().follow(tenant.browser())).content)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    # The last token enables the evaluation of formulas, as a user can do in a spreadsheet.
    options = f"--infilter=CSV:{ord(separator)},34,76,1,,0,false,true,false,false,false,-1,true"
    command = ["soffice", profile, "--headless", options, "--convert-to", "fods", "report.csv"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=120, capture_output=True)

    found = list(ET.parse(tmp_path / "report.fods").iter(f"{TABLE}table-cell"))  # noqa: S314 -- LibreOffice wrote it
    assert len(found) > 20
    assert [cell.attrib for cell in found if f"{TABLE}formula" in cell.attrib] == []
