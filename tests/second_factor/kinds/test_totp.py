import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.second_factor.kinds.totp.algorithm import (
    STEP_SECONDS,
    WINDOW,
    Match,
    encode_secret,
    match,
    new_secret,
    passcode_at,
    seconds_until_next,
    step_at,
)

SECRET = b"12345678901234567890"  # the key of RFC 4226 appendix D and RFC 6238 appendix B
TWIN = 910737  # shares its passcode, 911617, with the step after it


def at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def matched(passcode: str, now: datetime, last: int | None = None) -> Match | None:
    return match(SECRET, passcode, now=now, last_accepted_step=last)


def test_rfc_4226_appendix_d() -> None:
    assert " ".join(passcode_at(SECRET, counter) for counter in range(10)) == (
        "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"
    )


@pytest.mark.parametrize(
    ("seconds", "step", "passcode"),
    [
        (59, 0x1, "287082"),
        (1111111109, 0x23523EC, "081804"),
        (1111111111, 0x23523ED, "050471"),
        (1234567890, 0x273EF07, "005924"),
        (2000000000, 0x3F940AA, "279037"),
        (20000000000, 0x27BC86AA, "353130"),
    ],
)
def test_rfc_6238_appendix_b(seconds: int, step: int, passcode: str) -> None:
    assert step_at(at(seconds)) == step
    assert passcode_at(SECRET, step) == passcode
    assert matched(passcode, at(seconds)) == Match(step, used=False)


@pytest.mark.parametrize(("step", "passcode"), [(36, "003784"), (44, "000152")])
def test_leading_zeros_stay(step: int, passcode: str) -> None:
    assert passcode_at(SECRET, step) == passcode
    assert matched(passcode, at(step * 30)) == Match(step, used=False)
    assert matched(passcode.lstrip("0"), at(step * 30)) is None


def test_a_step_changes_on_the_half_minute() -> None:
    assert (STEP_SECONDS, WINDOW) == (30, 1)
    assert [step_at(at(seconds)) for seconds in (0, 29.999999, 30, 59.999999, 60)] == [0, 0, 1, 1, 2]


def test_a_step_is_the_same_in_every_time_zone_and_a_naive_time_is_refused() -> None:
    local = datetime.fromisoformat("2026-03-29T03:00:00+05:45")
    assert step_at(local) == step_at(local.astimezone(UTC))
    with pytest.raises(TypeError):
        step_at(local.replace(tzinfo=None))


@pytest.mark.parametrize("second", [0, 29.999999])
def test_the_window_is_one_step_either_side(second: float) -> None:
    now = at(1000 * 30 + second)
    found = [matched(passcode_at(SECRET, 1000 + offset), now) for offset in (-2, -1, 0, 1, 2)]
    assert found == [None, Match(999, used=False), Match(1000, used=False), Match(1001, used=False), None]


def test_the_window_at_the_epoch_has_no_negative_step() -> None:
    assert matched(passcode_at(SECRET, 0), at(0)) == Match(0, used=False)
    assert matched("000000", at(0)) is None


def test_a_step_not_greater_than_the_last_accepted_one_is_used() -> None:
    now = at(1000 * 30)
    for last, used in ((None, False), (998, False), (999, True), (1000, True), (2000, True)):
        assert matched(passcode_at(SECRET, 999), now, last) == Match(999, used=used)


@pytest.mark.parametrize("current", [TWIN, TWIN + 1])
def test_if_neighboring_steps_share_a_passcode_the_later_counts_so_it_works_once(current: int) -> None:
    assert passcode_at(SECRET, TWIN) == passcode_at(SECRET, TWIN + 1) == "911617"
    first = matched("911617", at(current * 30))
    assert first == Match(TWIN + 1, used=False)
    for later in (0, 30, 59):
        again = matched("911617", at(current * 30 + later), first.step)
        assert again is None or again.used


@pytest.mark.parametrize("passcode", ["", "12345", "1234567", "abcdef", "٠٨١٨٠٤", "081804\n"])
def test_a_malformed_passcode_matches_nothing(passcode: str) -> None:
    assert matched(passcode, at(1111111109)) is None


@given(secret=st.binary(min_size=20, max_size=20), seconds=st.integers(30, 2**34), offset=st.integers(-1, 1))
def test_a_passcode_of_the_window_is_accepted_and_then_used(secret: bytes, seconds: int, offset: int) -> None:
    now = at(seconds)
    passcode = passcode_at(secret, step_at(now) + offset)
    assert re.fullmatch("[0-9]{6}", passcode)
    found = match(secret, passcode, now=now, last_accepted_step=None)
    assert found is not None
    assert found.step >= step_at(now) + offset
    assert not found.used
    assert match(secret, passcode, now=now, last_accepted_step=found.step) == Match(found.step, used=True)


def test_a_new_secret_is_160_bits_and_shown_without_padding() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {20}
    assert encode_secret(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert encode_secret(b"1234567890123456") == "GEZDGNBVGY3TQOJQGEZDGNBVGY"


@pytest.mark.parametrize(
    ("now", "seconds"),
    [(300, 30), (300.000001, 30), (301, 29), (329.5, 1), (330, 1), (9999, 1), (270, 60), (270.5, 60)],
)
def test_the_next_passcode_begins_after_the_last_accepted_one(now: float, seconds: int) -> None:
    assert seconds_until_next(10, at(now)) == seconds


def test_after_the_returned_wait_the_next_passcode_is_accepted() -> None:
    now = at(1000 * 30 + 12.25)
    wait = seconds_until_next(1001, now)
    later = now + timedelta(seconds=wait)
    assert matched(passcode_at(SECRET, step_at(later)), later, 1001) == Match(1002, used=False)


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="apt-get install oathtool")
@pytest.mark.parametrize("seconds", [0, 59, 1111111109, 1234567890, 20000000000])
def test_oathtool_agrees(seconds: int) -> None:
    for secret in (SECRET, new_secret(), bytes(20)):
        command = ["oathtool", "--totp", "--base32", f"--now=@{seconds}", "--window=20", encode_secret(secret)]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        first = step_at(at(seconds))
        assert shown == [passcode_at(secret, step) for step in range(first, first + 21)]
