"""Searching a sorted file of breached passwords, of any size, with a few reads."""

import hashlib
import os
from pathlib import Path

import pytest

from app.crypto.breached_passwords import BreachedPasswords, UnusableBreachFileError

MANY = [f"password {number}" for number in range(5_000)]


def digest(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()  # noqa: S324 -- what the list is made of


def write(path: Path, passwords: list[str], end: str = "\n", *, last: str | None = None) -> BreachedPasswords:
    lines = sorted(f"{digest(password)}:{number % 100_000 + 1}" for number, password in enumerate(passwords))
    path.write_bytes((end.join(lines) + (end if last is None else last)).encode())
    return BreachedPasswords(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [None, ""])
async def test_every_password_of_the_list_is_found_and_no_other(
    tmp_path: Path, end: str, last: str | None
) -> None:
    found = write(tmp_path / "list", MANY, end, last=last)

    assert found.check() > 0
    by_digest = sorted(MANY, key=digest)
    for password in [*by_digest[:50], *by_digest[-50:], *MANY[::7]]:
        assert await found.contain(password)
    for number in range(500):
        assert not await found.contain(f"another {number}")


@pytest.mark.parametrize("count", [1, 2, 3, 60, 150])
async def test_a_short_list_is_searched_as_well(tmp_path: Path, count: int) -> None:
    found = write(tmp_path / "list", MANY[:count], last="")

    found.check()
    assert [await found.contain(password) for password in MANY[:count]] == [True] * count
    assert not await found.contain("another")


async def test_letter_case_of_the_digits_does_not_matter(tmp_path: Path) -> None:
    found = write(tmp_path / "list", MANY)
    (tmp_path / "list").write_bytes((tmp_path / "list").read_bytes().lower())

    assert found.check()
    assert await found.contain(MANY[0])


async def test_a_password_is_found_as_it_was_typed_and_in_its_normal_form(tmp_path: Path) -> None:
    composed, decomposed = "cr\u00e8me br\u00fbl\u00e9e", "cre\u0300me bru\u0302le\u0301e"
    assert await write(tmp_path / "composed", [*MANY, composed]).contain(decomposed)
    assert await write(tmp_path / "decomposed", [*MANY, decomposed]).contain(decomposed)
    assert not await write(tmp_path / "neither", MANY).contain(decomposed)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"mArKeR\n", "a line that is not"),
        (b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n", "a line that is not"),
        (b"8846F7EAEE8FB117AD06BDD830B7586C:5\n" * 100, "a line that is not"),  # NTLM
        (b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1\nmArKeR\n", "a line that is not"),
        (b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:1" * 1000, "a line"),
        (f"{digest('a')}:1\n{digest('b')}:1\n{digest('c')}:1\n".encode(), "not sorted"),
    ],
)
def test_an_invalid_list_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "list").write_bytes(content)

    with pytest.raises(UnusableBreachFileError, match=reason) as caught:
        BreachedPasswords(tmp_path / "list").check()
    assert "mArKeR" not in str(caught.value)


def test_a_list_that_is_ordered_by_count_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("".join(f"{digest(password)}:1\n" for password in MANY))

    with pytest.raises(UnusableBreachFileError, match="not sorted"):
        BreachedPasswords(tmp_path / "list").check()


def test_a_path_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(UnusableBreachFileError):
            BreachedPasswords(path).check()


async def test_a_huge_file_of_null_bytes_is_refused_at_once(tmp_path: Path) -> None:
    found = write(tmp_path / "list", MANY)
    with (tmp_path / "list").open("r+b") as file:
        file.truncate(40_000_000_000)

    with pytest.raises(UnusableBreachFileError):
        found.check()
    with pytest.raises(UnusableBreachFileError):
        await found.contain(MANY[0])


async def test_a_huge_list_is_searched_by_a_few_short_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, length = 1_000_000_000, 44
    wanted = int(digest("somebody's password"), 16) * lines >> 160
    reads: list[int] = []

    def read(_: int, count: int, start: int) -> bytes:
        """Return a part of a list of a billion evenly spaced digests, one of them the password's."""
        reads.append(count)
        first = start // length
        last = min(lines, (start + count) // length + 1)
        text = b"".join(line(number) for number in range(first, last))
        return text[start - first * length :][:count]

    def line(number: int) -> bytes:
        key = digest("somebody's password") if number == wanted else f"{(number << 160) // lines:040X}"
        return f"{key}:1\r\n".encode()

    (tmp_path / "list").touch()
    os.truncate(tmp_path / "list", lines * length)
    monkeypatch.setattr(os, "pread", read)
    found = BreachedPasswords(tmp_path / "list")

    found.check()
    reads.clear()
    assert await found.contain("somebody's password")
    assert not await found.contain("nobody's password")
    assert len(reads) < 2 * (2 * 25 + 1)  # per password: two for each of 25 halvings, and one for the rest
    assert max(reads) <= 4096
