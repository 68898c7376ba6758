"""Whether a password appeared in a breach: a binary search in the sorted file that Have I Been Pwned offers.

Its lines are `HEX40:COUNT`, the SHA-1 of a password and how often it was seen, ended by LF or CRLF and sorted. It
has tens of gigabytes, and is read as little as a search needs: some 25 reads of at most 4 KiB, whatever its size.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.crypto.passwords import normalize_password

_BLOCK_BYTES = 4096
_LINE_BYTES = 64  # 40 digits, a colon, a count and CRLF: the longest line with room to spare
_LINE = re.compile(rb"([0-9A-Fa-f]{40}):[0-9]{1,20}")
_SAMPLES = 64


class UnusableBreachFileError(ValueError):
    """A file that cannot be searched; the message says why."""


class BreachedPasswords:
    """The file at `path`. It is opened for each search, so that it can be replaced while the service runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> int:
        """Return about how many passwords the file has; raises `UnusableBreachFileError`.

        It looks at the first and the last line, and at 64 places in between, whether they are sorted.
        """
        keys, place = [], 0
        with self._opened() as (file, size):
            for number in range(_SAMPLES):
                place = max(place, _next_line(file, size * number // _SAMPLES, size) if number else 0)
                for line in _two_lines(file, place, size):
                    keys.append(line.key)
                    place = line.end
            keys.append(_line_at(file, _last_line(file, size), size).key)
        if keys != sorted(keys):
            raise UnusableBreachFileError("is not sorted by the hashes: take the list that is ordered by hash")
        return size // len(f"{'0' * 40}:1\r\n")

    async def contain(self, password: str) -> bool:
        """Whether the password appeared in a breach, as it was typed or in NFC; the search runs in a thread.

        Raises `UnusableBreachFileError` when the file cannot be searched any more.
        """
        return await asyncio.to_thread(self._find_any, {password, normalize_password(password)})

    def _find_any(self, passwords: set[str]) -> bool:
        with self._opened() as (file, size):
            return any(_find(file, size, _key(password)) for password in passwords)

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, int]]:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                if not (size := os.fstat(file).st_size):
                    raise UnusableBreachFileError("is empty, or no file")
                yield file, size
            finally:
                os.close(file)
        except OSError as error:
            raise UnusableBreachFileError(f"cannot be read: {error.strerror}") from error


class _Line:
    """A line, and where the next one begins."""

    def __init__(self, content: bytes, start: int) -> None:
        line, newline, _ = content.partition(b"\n")
        found = _LINE.fullmatch(line.removesuffix(b"\r"))
        if found is None:
            raise UnusableBreachFileError("has a line that is not HEX40:COUNT, a SHA-1 and a number")
        self.key = found[1].upper()
        self.end = start + len(line) + len(newline)


def _key(password: str) -> bytes:
    digest = hashlib.sha1(password.encode(errors="surrogatepass"), usedforsecurity=False)
    return digest.hexdigest().upper().encode()


def _line_at(file: int, start: int, size: int) -> _Line:
    return _Line(os.pread(file, min(_LINE_BYTES, size - start), start), start)


def _next_line(file: int, place: int, size: int) -> int:
    """Return where the first line begins behind a place in the file; its end when there is none."""
    newline = os.pread(file, _LINE_BYTES, place).find(b"\n")
    if newline < 0 and place + _LINE_BYTES < size:
        raise UnusableBreachFileError(f"has a line of more than {_LINE_BYTES} bytes")
    return size if newline < 0 else place + newline + 1


def _last_line(file: int, size: int) -> int:
    start = max(0, size - 2 * _LINE_BYTES)
    newline = os.pread(file, size - start, start).rstrip(b"\r\n").rfind(b"\n")
    if newline < 0 < start:
        raise UnusableBreachFileError(f"has a line of more than {_LINE_BYTES} bytes")
    return start + newline + 1


def _two_lines(file: int, place: int, size: int) -> Iterator[_Line]:
    """Yield two lines from a place on, or as many as there are."""
    for _ in range(2):
        if place < size:
            line = _line_at(file, place, size)
            yield line
            place = line.end


def _find(file: int, size: int, key: bytes) -> bool:
    """Say whether a line has the key. The lines before `low` have smaller ones, those from `high` on greater."""
    low, high = 0, size
    while high - low > _BLOCK_BYTES:
        start = _next_line(file, (low + high) // 2, size)
        line = _line_at(file, start, size)  # a block holds many lines: it begins before `high`
        if line.key == key:
            return True
        low, high = (line.end, high) if line.key < key else (low, start)
    block = os.pread(file, high - low, low)
    return any(_Line(line, low).key == key for line in block.rstrip(b"\r\n").splitlines())
