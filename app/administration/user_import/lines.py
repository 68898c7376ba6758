"""Reading the lines of a file one at a time, with a limit on their length."""

from collections.abc import Iterator
from typing import BinaryIO

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes]]:
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
