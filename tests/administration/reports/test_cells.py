"""The cells of a report: no program runs them as formulas, and none of their text is lost."""

import asyncio
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.core.callers import Role
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.reports import BYTE_ORDER_MARK, ReportClient, download, read_csv
from tests.support.programs.serving import installed

TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"

DANGEROUS = [
    *(first + "1+1" for first in "=+-@\t\r\n"),
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://evil.example","x")',
    "+49 30 123456",
    "@SUM(A1)",
    "-",
    " =1+1",
    "\N{NO-BREAK SPACE}=1+1",
    "\N{IDEOGRAPHIC SPACE}=1+1",
    "\N{EM SPACE}\N{ZERO WIDTH SPACE}=1+1",
    "\N{ZERO WIDTH NO-BREAK SPACE}=1+1",
    "\N{RIGHT-TO-LEFT OVERRIDE}=1+1",
    "\N{LEFT-TO-RIGHT MARK}+1",
    "\x01=1",
    "\x7f=1",
    *(first + "1" for first in "\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"),  # full-width and small forms
    "\N{IDEOGRAPHIC SPACE}\uff1d1",
    "=1,2",
    '="x"',
    "=a\nb",
]
HARMLESS = [
    "Anna",
    "anna",
    "Zoë",
    "Ω=1",
    "1-2=3",
    "7",
    "'=1+1",
    "'",
    " Anna",
    "   ",
    "O'Brien",
    'Ann "the" Lee',
    '"',
    '""',
    '"=1+1"',
    "Lee, Ann",
    "a;b",
    ",",
    "a\nb",
    "a\r\nb",
    "a\rb",
    "\\.",
    "\\n",
    "NULL",
    "😀👩‍👩‍👧‍👦",
    "e\u0301 and é",
    "שלום, עולם",
    "مرحبا",
    "日本語",
    "﷽",
    "x" * 5000,
    "|x",
    "%1",
    "#REF!",
    "true",
    "0001",
    "\U0010ffff",
]


async def create_users(tenant: Tenant, names: list[str]) -> dict[str, str]:
    """Create a user with each name, and return the names by user id."""
    made = {}
    for number, name in enumerate(names):
        person = await tenant.person(Role.AGENT, name=name, email=f"u{number:04}@example.com", password=None)
        made[person.id] = name
    return made


async def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    names = await create_users(tenant, DANGEROUS)

    rows = {row["user_id"]: row["name"] for row in await reports.rows(owner)}

    assert {id_: rows[id_] for id_ in names} == {id_: "'" + name for id_, name in names.items()}


async def test_each_line_that_would_run_begins_with_an_apostrophe(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    names = await create_users(tenant, ["   \t=1+1", " \r\n@x"])

    rows = {row["user_id"]: row["name"] for row in await reports.rows(owner)}

    assert [rows[id_] for id_ in names] == ["'   \t'=1+1", "' \r'\n'@x"]


async def test_every_other_cell_is_unchanged(reports: ReportClient, owner: SimulatedUser, tenant: Tenant) -> None:
    names = await create_users(tenant, HARMLESS)

    rows = {row["user_id"]: row["name"] for row in await reports.rows(owner)}

    assert {id_: rows[id_] for id_ in names} == names


async def test_an_e_mail_address_that_would_run_begins_with_an_apostrophe(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    for email in (
        "=1+1@example.com",
        "+x@example.com",
        "-x@example.com",
        '"a,""b"@example.com',
        "x=1@example.com",
    ):
        await tenant.person(Role.AGENT, email=email)

    emails = [row["email"] for row in await reports.rows(owner)]

    assert set(emails) - {owner.user.email} == {
        "'=1+1@example.com",
        "'+x@example.com",
        "'-x@example.com",
        '"a,""b"@example.com',
        "x=1@example.com",
    }


async def test_rows_end_in_crlf_and_line_breaks_within_cells_stay(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    await create_users(tenant, ["a\nb", "a\r\nb", 'a"\n"b', "plain"])

    content = await download(owner, await reports.written(owner))

    assert b',"a\nb",' in content
    assert b',"a\r\nb",' in content
    assert b',"a""\n""b",' in content
    assert content.count(b"\r\n") == 7  # the header, five rows, and one within a cell
    assert content.count(b"\n") == 9


async def test_only_the_download_by_link_begins_with_a_byte_order_mark(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant
) -> None:
    report = await reports.written(owner)

    plain = await download(owner, report)
    followed = await reports.link().follow(tenant.browser())

    assert not plain.startswith(BYTE_ORDER_MARK)
    assert followed.content == BYTE_ORDER_MARK + plain
    assert int(followed.headers["content-length"]) == len(followed.content)


async def test_duckdb_reads_what_python_reads(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant, tmp_path: Path
) -> None:
    duckdb = pytest.importorskip("duckdb")
    await create_users(tenant, HARMLESS + DANGEROUS)
    content = await download(owner, await reports.written(owner))
    (tmp_path / "report.csv").write_bytes(content)

    options = "header = true, all_varchar = true, quote = '\"', escape = '\"', delim = ',', null_padding = false"
    query = f"SELECT * FROM read_csv('{tmp_path / 'report.csv'}', {options}, new_line = '\\r\\n')"  # noqa: S608 -- a path of ours
    found = duckdb.sql(query).fetchall()

    assert [tuple(value or "" for value in row) for row in found] == [
        tuple(row.values()) for row in read_csv(content)
    ]


@pytest.mark.skipif(not installed("soffice"), reason="needs LibreOffice: apt-get install libreoffice-calc")
async def test_libreoffice_opens_it_with_every_name_intact_and_runs_nothing(
    reports: ReportClient, owner: SimulatedUser, tenant: Tenant, tmp_path: Path
) -> None:
    await create_users(tenant, [name for name in HARMLESS + DANGEROUS if name.isprintable()])
    await reports.written(owner)
    content = (await reports.link().follow(tenant.browser())).content
    (tmp_path / "report.csv").write_bytes(content)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    utf8_commas_quotes = "--infilter=CSV:44,34,76,1,,0,false,true,false"
    command = ["soffice", profile, "--headless", utf8_commas_quotes, "--convert-to", "fods", "report.csv"]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=120, capture_output=True)

    opened = ET.parse(tmp_path / "report.fods")  # noqa: S314 -- LibreOffice wrote it
    cells = list(opened.iter(f"{TABLE}table-cell"))
    assert not [cell for cell in cells if f"{TABLE}formula" in cell.attrib]
    shown = {" ".join(_text(cell).split()) for cell in cells}
    assert {row["user_id"] for row in read_csv(content.removeprefix(BYTE_ORDER_MARK))} <= shown
    # A spreadsheet turns "0001" into a number and "true" into a boolean, because CSV has no types.
    texts = {" ".join(name.split()) for name in HARMLESS if name.isprintable()} - {"0001", "true"}
    assert texts <= shown
    assert {" ".join(f"'{name}".split()) for name in DANGEROUS if name.isprintable()} <= shown


def _text(cell: ET.Element) -> str:
    """Return the text of a cell; ODF stores consecutive spaces as elements."""
    return "".join(part.text or "" if part.tag != f"{TEXT}s" else " " for part in cell.iter()) + "".join(
        part.tail or "" for part in cell.iter() if part is not cell
    )
