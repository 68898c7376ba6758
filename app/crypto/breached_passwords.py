"""Search for breached passwords, by binary search in a sorted file of Have I Been Pwned.

Its lines are `HEX40:COUNT`, the SHA-1 of a password and how often it was seen, sorted, and ended by LF or CRLF.
The file has tens of gigabytes. A search needs about 25 reads of at most 4 KiB.
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
    """The file cannot be searched; the message says why."""


class BreachedPasswords:
    """The file at `path`; opened for each search, so that it can be replaced at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> int:
        """Return the approximate number of passwords in the file; raises `UnusableBreachFileError`.

        Checks that the first line, the last line and the lines at 64 positions are in order.
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
        """Whether the password appeared in a breach, as typed or in NFC.

        The search runs in a thread. Raises `UnusableBreachFileError` if the file can no longer be searched.
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
    """The key of a line, and the offset where the next line begins."""

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
    """Return the offset of the first line that begins after `place`, or `size` if there is none."""
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
    """Yield the next two lines from `place`, or fewer at the end of the file."""
    for _ in range(2):
        if place < size:
            line = _line_at(file, place, size)
            yield line
            place = line.end


def _find(file: int, size: int, key: bytes) -> bool:
    """Whether a line of the file has the key."""
    low, high = 0, size  # lines before `low` have smaller keys, lines from `high` on have greater keys
    while high - low > _BLOCK_BYTES:
        start = _next_line(file, (low + high) // 2, size)
        line = _line_at(file, start, size)  # `start` is below `high`: the range is longer than a line
        if line.key == key:
            return True
        low, high = (line.end, high) if line.key < key else (low, start)
    block = os.pread(file, high - low, low)
    return any(_Line(line, low).key == key for line in block.rstrip(b"\r\n").splitlines())
