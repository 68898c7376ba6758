"""The rules of reports, and the row ends of their CSV."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.administration.reports.csv_text import RowEnds, compress, decompress
from app.administration.reports.rules import Report, Status, Type, file_name, link_token, read_link_token
from app.crypto.digests import digest

NOW = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
SECRET = "pgr_" + "A" * 43
READY = Report(
    id=UUID(int=1),
    type=Type.TWO_FACTOR_STATUS,
    include_end_users=False,
    status=Status.READY,
    requested_by=UUID(int=2),
    created_at=NOW,
    ready_at=NOW,
    expires_at=NOW + timedelta(days=7),
    rows=1,
    size=100,
    token_digest=digest(SECRET),
    link_expires_at=NOW + timedelta(hours=24),
)
QUOTE = '"'
INSTANT = timedelta(microseconds=1)


def test_a_report_is_ready_for_seven_days_and_then_expired() -> None:
    assert READY.status_at(NOW + timedelta(days=7) - INSTANT) is Status.READY
    assert READY.status_at(NOW + timedelta(days=7)) is Status.EXPIRED


def test_a_link_opens_its_report_for_twenty_four_hours() -> None:
    assert READY.accepts_secret(SECRET, NOW)
    assert READY.accepts_secret(SECRET, NOW + timedelta(hours=24) - INSTANT)
    assert not READY.accepts_secret(SECRET, NOW + timedelta(hours=24))


@pytest.mark.parametrize("secret", ["", SECRET[:-1], SECRET + "A", SECRET[:-1] + "B", SECRET.lower(), "\0"])
def test_another_secret_opens_nothing(secret: str) -> None:
    assert not READY.accepts_secret(secret, NOW)


def test_a_link_token_carries_report_id_and_secret() -> None:
    assert read_link_token(link_token(READY.id, SECRET)) == (READY.id, SECRET)


@given(st.text() | st.from_regex(r"pgr_[0-9a-f-]{30,40}\.[A-Za-z0-9_-]{40,45}", fullmatch=True))
def test_any_text_is_parsed_as_a_token_or_rejected(text: str) -> None:
    read = read_link_token(text)

    assert read is None or link_token(*read) == text


def test_the_file_is_named_after_the_account_and_the_day() -> None:
    assert file_name("acme-2", NOW) == "two-factor-status-acme-2-2026-11-24.csv"


def as_csv(rows: list[list[str]], line_end: str) -> bytes:
    """Return CSV as Postgres writes it (quoted only where needed), with the given row ends."""
    quoted = [[f'"{c.replace(QUOTE, QUOTE * 2)}"' if re.search('["\r\n,]', c) else c for c in row] for row in rows]
    return "".join(",".join(row) + line_end for row in quoted).encode()


CELLS = st.text(st.sampled_from('ab,"\r\n\\é😀;'), max_size=6)


@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_rows_end_in_crlf_and_cells_keep_their_line_breaks_wherever_the_text_is_cut(
    rows: list[list[str]], cuts: list[int]
) -> None:
    text = as_csv(rows, "\n")
    ends = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    row_ends = RowEnds()

    converted = b"".join(row_ends.convert(text[a:b]) for a, b in itertools.pairwise(ends))

    assert converted == as_csv(rows, "\r\n")


@given(st.binary(max_size=1000))
def test_a_chunk_can_be_read_without_the_others(text: bytes) -> None:
    assert decompress(compress(text)) == text
