import hashlib

import pytest

from app.crypto.digests import digest, is_secret, new_secret, same


def test_a_new_secret_has_its_shape_and_is_never_the_same() -> None:
    drawn = {new_secret("pgs_") for _ in range(100)}
    assert len(drawn) == 100
    assert all(is_secret(secret, "pgs_") and len(secret) == 47 for secret in drawn)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pgs_",
        "pgs_" + "A" * 42,
        "pgs_" + "A" * 44,
        "pgs_" + "A" * 43 + "\n",
        " pgs_" + "A" * 43,
        "pgd_" + "A" * 43,
        "PGS_" + "A" * 43,
        "pgs_" + "A" * 42 + "=",
        "pgs_" + "A" * 42 + "+",
        "pgs_" + "A" * 42 + "é",
        "pgs_" + "A" * 42 + "１",  # noqa: RUF001 -- a full-width digit is the point
        "pgs_" + "A" * 42 + "\udc80",
    ],
)
def test_a_text_of_another_form_is_no_secret(text: str) -> None:
    assert not is_secret(text, "pgs_")


def test_a_prefix_is_taken_literally() -> None:
    assert not is_secret("pgsx" + "A" * 43, "pgs.")


def test_a_digest_is_sha_256_of_utf_8() -> None:
    assert digest("é") == hashlib.sha256(b"\xc3\xa9").digest()


def test_equal_digests_are_the_same_and_others_are_not() -> None:
    assert same(digest("a"), digest("a"))
    assert not same(digest("a"), digest("b"))
    assert not same(digest("a"), digest("a")[:-1])
