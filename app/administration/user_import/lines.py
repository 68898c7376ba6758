"""Reading the lines of a file one at a time, with a limit on their length."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Lines(Protocol):
    """A file of which only lines are read."""

    def readline(self, size: int, /) -> bytes: ...


class DigestedFile:
    """A file whose SHA-256 digest is computed while its lines are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or its next `size` bytes."""
        piece = self._file.readline(size)
        self._digest.update(piece)
        return piece

    def hexdigest(self) -> str:
        """Return the digest of what was read so far."""
        return self._digest.hexdigest()


def read_lines(file: _Lines, longest: int) -> Iterator[tuple[int, bytes]]:
    """Yield each line that is not blank, with its number from 1.

    Of a line longer than `longest` bytes only the first `longest + 1` bytes are yielded, so that the caller can
    detect it; the rest is skipped.
    """
    number = 0
    while piece := file.readline(longest + 1):
        number += 1
        rest = piece
        while not rest.endswith(b"\n") and (rest := file.readline(longest + 1)):
            pass
        line = piece.removeprefix(_BYTE_ORDER_MARK) if number == 1 else piece
        if line.strip():
            yield number, line
