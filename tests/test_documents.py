"""Everything that the documents name exists, and their tables match the code."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from app.audit.rules import EventType
from app.core.settings import PREFIX, Settings
from app.services import Services
from tests.test_contract import CODES
from tests.web.route_table import BROWSER, CALLS, ROOT

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
PAGES = sorted(
    [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *DOCS.rglob("*.md"), *(PROJECT / ".github").glob("*.md")]
)
PAGES_WITH_READERS = sorted(DOCS.rglob("*.md"))

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: str, heading: str) -> str:
    """Return the text of a section of a page in docs/, its subsections included."""
    return (DOCS / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(table: str) -> list[list[str]]:
    """Return the cells of all table rows in a text, without the header rows."""
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def code(page: str, heading: str, language: str) -> str:
    """Return the only code block of a language in a section."""
    [found] = re.findall(rf"```{language}\n(.*?)```", section(page, heading), re.DOTALL)
    return str(found)


@each_page
def test_every_relative_link_has_a_target(page: Path) -> None:
    prose = re.sub(r"`[^`]*`", "code", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@each_page
def test_every_path_that_is_named_exists(page: Path) -> None:
    for name in re.findall(r"(?<![\w/.-])(?:app|tests|migrations|docs)/[\w./-]*", page.read_text()):
        assert (PROJECT / name.rstrip(".")).exists(), name


@pytest.mark.parametrize("page", PAGES_WITH_READERS, ids=lambda page: page.name)
def test_every_page_begins_with_its_readers(page: Path) -> None:
    title, empty, reader, *_ = page.read_text().splitlines()

    assert title.startswith("# ")
    assert empty == ""
    assert reader.startswith("*For ")


def test_the_settings_table_has_all_settings_and_defaults() -> None:
    table = {name.strip("`"): default for name, _, default in rows(section("operating.md", "Settings"))}

    assert set(table) == {PREFIX + field.upper() for field in Settings.model_fields}
    for field, info in Settings.model_fields.items():
        if info.default not in {None, ()}:
            assert table[PREFIX + field.upper()] == f"`{info.default}`"


def test_the_sections_of_the_specification_have_the_numbers_that_are_cited() -> None:
    numbers = re.findall(r"^## (\d+)\. ", (DOCS / "api.md").read_text(), re.MULTILINE)

    assert numbers == [str(number) for number in range(1, 12)]


def test_the_code_cites_existing_sections() -> None:
    sources = [path for folder in ("app", "tests", "migrations") for path in (PROJECT / folder).rglob("*.py")]
    cited = [
        (page, int(number))
        for path in sources
        for page, number in re.findall(r"(docs/api\.md|[Cc]ontract) sections? (\d+)", path.read_text())
    ]

    assert len(cited) > 40
    assert {page for page, _ in cited} == {"docs/api.md"}
    assert {number for _, number in cited} <= set(range(1, 12))


def test_the_specification_has_every_code_and_no_other() -> None:
    table = (
        section("api.md", "10. Health, errors, e-mails and audit events")
        .split("**Codes**")[1]
        .split("**E-mails**")[0]
    )
    found = re.findall(r"`([a-z_]+)`", table)

    assert sorted(found) == sorted(CODES)
    for line in table.splitlines():
        for name in re.findall(r"`([a-z_]+)`", line):
            assert str(CODES[name]) in line.split("|")[1]


def test_the_specification_has_every_event_and_no_other() -> None:
    table = section("api.md", "10. Health, errors, e-mails and audit events").split("**Audit events**")[1]

    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", table)) == {event.value for event in EventType}


def test_the_specification_names_every_call() -> None:
    page = (DOCS / "api.md").read_text()
    paths = {re.sub(r"^[A-Z]+ ", "", call) for call in BROWSER} | {call.path for call in CALLS}

    assert [path for path in sorted(paths) if not re.search(re.escape(path) + r"(?![/\w{])", page)] == []
    assert [call for call in ROOT if f"/{call.split('/')[1]}" not in page] == []


def test_every_part_of_app_is_in_the_table_of_areas() -> None:
    table = section("architecture.md", "The areas")
    named = set(re.findall(r"`([a-z_]+(?:\.py|/))`", "\n".join(row[0] for row in rows(table))))
    parts = {
        path.name + "/" * path.is_dir() for path in (PROJECT / "app").iterdir() if not path.name.startswith("__")
    }

    assert named == parts


async def test_the_sql_that_ends_revived_access_after_a_restore_is_valid(services: Services) -> None:
    statements = code("operating.md", "Backup and restore", "sql").strip().splitlines()

    assert len(statements) == 3
    async with services.database.read() as tx:
        for statement in statements:
            await tx.execute(text(f"EXPLAIN {statement}"))


def test_every_guarantee_names_a_test() -> None:
    table = [line for line in (DOCS / "guarantees.md").read_text().splitlines() if line.startswith("| ")]
    promises = [line for line in table if not line.startswith(("| promise", "| ---"))]

    assert len(promises) > 30
    assert [line for line in promises if "`tests/" not in line.rsplit(" | ", 1)[1]] == []
