"""Secret settings in files: read once, named when they cannot be, and never quoted."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.commands.embedded_setup import export_to_workers
from app.core.secret_keys import new_key_setting
from app.core.settings import SECRETS, SettingsError, load_settings

URL = "postgresql://passgate:mArKeR@db/passgate"
VALUES = {
    "PASSGATE_DATABASE_URL": URL,
    "PASSGATE_SECRET_KEYS": new_key_setting(),
    "PASSGATE_MAIL_URL": "smtp://user:mArKeR@mail.example.com",
    "PASSGATE_METRICS_TOKEN": "mArKeR",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("PASSGATE_")}
    monkeypatch.setattr(os, "environ", kept)
    return kept


def refusal() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "mArKeR" not in str(caught.value)
    return str(caught.value)


def test_these_settings_are_secrets() -> None:
    assert set(SECRETS) == set(VALUES)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_secret_is_read_from_its_file_without_the_line_end(
    environment: dict[str, str], tmp_path: Path, name: str, end: str
) -> None:
    (tmp_path / "secret").write_bytes((VALUES[name] + end).encode())
    environment[f"{name}_FILE"] = str(tmp_path / "secret")

    settings = load_settings()

    value = getattr(settings, SECRETS[name])
    assert isinstance(value, SecretStr)
    assert value.get_secret_value() == VALUES[name]
    assert settings.origin_of(SECRETS[name]) == "set"


def test_a_secret_that_is_given_twice_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(URL)
    environment |= {"PASSGATE_DATABASE_URL": URL, "PASSGATE_DATABASE_URL_FILE": str(tmp_path / "secret")}

    assert refusal() == "PASSGATE_DATABASE_URL_FILE: PASSGATE_DATABASE_URL is set too. Set one of them."


def test_empty_variables_count_as_not_set(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(URL)
    environment |= {"PASSGATE_DATABASE_URL": "", "PASSGATE_DATABASE_URL_FILE": str(tmp_path / "secret")}
    environment["PASSGATE_METRICS_TOKEN_FILE"] = ""

    assert load_settings().database_url == SecretStr(URL)
    assert load_settings().metrics_token is None


def test_a_file_that_cannot_be_used_is_named_by_its_setting_in_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"mArKeR\xff")
    environment |= {
        "PASSGATE_DATABASE_URL_FILE": str(tmp_path / "mArKeR"),
        "PASSGATE_MAIL_URL_FILE": str(tmp_path),
        "PASSGATE_METRICS_TOKEN_FILE": str(tmp_path / "empty"),
        "PASSGATE_SECRET_KEYS_FILE": str(tmp_path / "binary"),
    }

    assert sorted(refusal().splitlines()) == [
        "PASSGATE_DATABASE_URL_FILE: cannot read the file: No such file or directory",
        "PASSGATE_MAIL_URL_FILE: cannot read the file: Is a directory",
        "PASSGATE_METRICS_TOKEN_FILE: cannot read the file: it is empty",
        "PASSGATE_SECRET_KEYS_FILE: cannot read the file: it is no UTF-8 text",
    ]


@pytest.mark.parametrize("text", ["mArKeR", "x" * 60_000, URL + "\nmArKeR"])
def test_a_bad_value_is_refused_as_from_the_environment(
    environment: dict[str, str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "secret").write_text(text)
    environment["PASSGATE_DATABASE_URL_FILE"] = str(tmp_path / "secret")

    assert refusal().startswith("PASSGATE_DATABASE_URL: ")


def test_a_setting_that_is_no_secret_has_no_file(environment: dict[str, str]) -> None:
    environment["PASSGATE_LOG_LEVEL_FILE"] = "/dev/null"

    assert refusal().startswith("PASSGATE_LOG_LEVEL_FILE: is not a setting.")


def test_worker_processes_read_the_files_again(environment: dict[str, str], tmp_path: Path) -> None:
    for name, value in VALUES.items():
        (tmp_path / name).write_text(value)
        environment[f"{name}_FILE"] = str(tmp_path / name)
    settings = load_settings()

    export_to_workers(settings, workers=2)

    assert not VALUES.keys() & environment.keys()
    assert load_settings().secret_keys == settings.secret_keys
