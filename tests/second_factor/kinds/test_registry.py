"""The properties of every registered kind, and that no other code names a kind."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.assurance import AAL1, AAL2, FIRST_FACTORS, RECOVERY_CODE
from app.second_factor.kinds import registry
from app.second_factor.kinds.kind import DisplayNames, Kind
from tests.second_factor.kinds.toy.kind import LETTER, TOY

NOW = datetime(2026, 11, 24, tzinfo=UTC)
APP = Path(__file__).parents[3] / "app"
# The kind, its registration, the import of secrets, examples, and comments that use it as an example.
MAY_NAME_TOTP = {
    "administration/user_import",
    "commands/user_commands.py",
    "database/tables/authenticators.py",
    "second_factor/kinds/registry.py",
    "second_factor/kinds/totp",
    "sign_in/complete_sign_in.py",
    "web/examples.py",
}


@pytest.mark.parametrize("kind", registry.registered(), ids=lambda kind: kind.name)
def test_a_kind_can_be_stored_and_shown(kind: Kind) -> None:
    assert re.fullmatch("[a-z][a-z0-9_]{0,31}", kind.name)
    assert kind.amr not in FIRST_FACTORS | {RECOVERY_CODE}
    assert kind.assurance in {AAL1, AAL2}
    assert 1 <= len(kind.default_label) <= 64
    new = kind.begin(DisplayNames("Example & Söhne", "eve@example.com"))
    assert set(new.shown) == set(kind.enrollment_fields)
    assert set(new.shown).isdisjoint({"id", "kind", "expires_at"})
    assert new.secret.hex() not in repr(new)


def test_only_registered_kinds_are_known() -> None:
    assert registry.names() == ["totp"]
    assert registry.find_kind("toy") is None
    with registry.register_for_test(TOY):
        assert registry.find_kind("toy") is TOY
    assert registry.names() == ["totp"]


def test_no_other_code_names_a_kind() -> None:
    named = {path.relative_to(APP).as_posix() for path in APP.rglob("*.py") if "totp" in path.read_text().lower()}

    assert {path for path in named if not any(path.startswith(prefix) for prefix in MAY_NAME_TOTP)} == set()


@pytest.mark.parametrize(
    ("amr", "reached"),
    [
        (("pwd", "otp"), AAL2),
        (("pwd", "recovery_code"), AAL2),
        (("pwd", "toy"), AAL2),
        (("pwd", "toy_letter"), AAL1),
        (("pwd", "toy_letter", "otp"), AAL2),
        (("sso", "toy_letter"), AAL1),
        (("sso", "gone since"), AAL2),
    ],
)
def test_a_session_has_the_assurance_of_its_strongest_second_factor(amr: tuple[str, ...], reached: str) -> None:
    with registry.register_for_test(TOY), registry.register_for_test(LETTER):
        assert registry.assurance(amr, None) == AAL1
        assert registry.assurance(amr, NOW) == reached
