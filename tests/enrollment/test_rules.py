"""When an enrollment is still open, and which time step its passcode proves."""

import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.enrollment.rules import LIFETIME, MOST_FAILURES, Enrollment
from app.second_factor.kinds.kind import Confirmed
from app.second_factor.kinds.totp.kind import TOTP

NOW = datetime(2026, 8, 22, 12, 0, tzinfo=UTC)
SECRET = b"12345678901234567890"  # from RFC 6238, appendix B


def an_enrollment(**changes: Any) -> Enrollment:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "user_id": UUID(int=2),
        "sign_in_id": None,
        "kind": "totp",
        "label": "Phone",
        "sealed_secret": b"",
        "version": 7,
        "failures": 0,
        "created_at": NOW,
        "expires_at": NOW + LIFETIME,
        "ended_at": None,
    }
    return Enrollment(**values | changes)


def test_an_enrollment_ends_after_ten_minutes_or_five_wrong_passcodes() -> None:
    assert timedelta(minutes=10) == LIFETIME
    assert MOST_FAILURES == 5


@pytest.mark.parametrize(("after", "is_open"), [(0, True), (599.999, True), (600, False), (601, False)])
def test_an_enrollment_is_open_until_it_expires(*, after: float, is_open: bool) -> None:
    assert an_enrollment().is_open(version=7, now=NOW + timedelta(seconds=after)) is is_open


@pytest.mark.parametrize("version", [6, 8])
def test_an_enrollment_is_not_open_once_its_user_has_changed(version: int) -> None:
    assert not an_enrollment().is_open(version=version, now=NOW)


def test_an_ended_enrollment_is_not_open() -> None:
    assert not an_enrollment(ended_at=NOW).is_open(version=7, now=NOW)


@pytest.mark.parametrize("ahead", [-1, 0, 1])
def test_the_current_passcode_and_one_either_side_prove_their_step(ahead: int) -> None:
    now = datetime.fromtimestamp(1111111111, UTC)

    assert TOTP.confirm(SECRET, _passcode_at(0x23523ED + ahead), now=now) == Confirmed(SECRET, 0x23523ED + ahead)


@pytest.mark.parametrize("ahead", [-2, 2])
def test_the_passcode_two_steps_off_proves_nothing(ahead: int) -> None:
    now = datetime.fromtimestamp(1111111111, UTC)

    assert TOTP.confirm(SECRET, _passcode_at(0x23523ED + ahead), now=now) is None


def test_if_two_steps_have_the_same_passcode_the_later_is_proven() -> None:
    now = datetime.fromtimestamp(27322110, UTC)  # security.md, appendix A: steps 910737 and 910738 share it

    assert TOTP.confirm(SECRET, "911617", now=now) == Confirmed(SECRET, 910738)


def _passcode_at(step: int) -> str:
    mac = hmac.digest(SECRET, struct.pack(">Q", step), hashlib.sha1)
    return f"{(struct.unpack_from('>I', mac, mac[-1] & 15)[0] & 0x7FFFFFFF) % 1_000_000:06}"
