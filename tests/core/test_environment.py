"""A mistyped setting stops every command, with the nearest name."""

import pytest

from app.core.settings import SettingsError, load_settings


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("PASSGATE_DATABSE_URL", "PASSGATE_DATABASE_URL"),
        ("PASSGATE_SECRET_KEY", "PASSGATE_SECRET_KEYS"),
        ("passgate_public_ulr", "PASSGATE_PUBLIC_URL"),
    ],
)
def test_a_mistyped_setting_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, typo: str, meant: str
) -> None:
    monkeypatch.setenv(typo, "postgresql://mArKeR@db/passgate")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert caught.value.lines == (f"{typo.upper()}: is not a setting. Did you mean {meant}?",)


def test_every_unknown_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSGATE_ZZZ", "1")
    monkeypatch.setenv("PASSGATE_QQQ", "1")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert [line.partition(":")[0] for line in caught.value.lines] == ["PASSGATE_QQQ", "PASSGATE_ZZZ"]


def test_the_variables_that_kubernetes_sets_for_a_service_named_passgate_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "SERVICE_HOST",
        "SERVICE_PORT",
        "SERVICE_PORT_HTTP",
        "PORT",
        "PORT_8000_TCP",
        "PORT_8000_TCP_ADDR",
        "PORT_8000_TCP_PORT",
        "PORT_8000_TCP_PROTO",
    ):
        monkeypatch.setenv(f"PASSGATE_{name}", "tcp://10.0.0.1:8000")

    assert load_settings().public_url == "http://127.0.0.1:8000"
