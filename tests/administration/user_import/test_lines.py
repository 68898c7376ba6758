import io

from app.administration.user_import.lines import read_lines


def test_lines_are_numbered_as_in_an_editor_and_blank_ones_are_skipped() -> None:
    file = io.BytesIO(b"\xef\xbb\xbfone\r\n\n  \ntwo\nthree")

    assert list(read_lines(file, 100)) == [(1, b"one\r\n"), (4, b"two\n"), (5, b"three")]


def test_the_rest_of_a_line_that_is_too_long_is_skipped() -> None:
    file = io.BytesIO(b"x" * 1000 + b"\nshort\n" + b"y" * 10 + b"\n" + b"z" * 11)

    assert list(read_lines(file, 10)) == [(1, b"x" * 11), (2, b"short\n"), (3, b"y" * 10 + b"\n"), (4, b"z" * 11)]


def test_an_empty_file_has_no_lines() -> None:
    assert list(read_lines(io.BytesIO(), 10)) == []
