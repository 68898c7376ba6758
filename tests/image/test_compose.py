"""`compose.yaml` and the Dockerfile agree with command line, settings and lock file."""

import re
import tomllib

import pytest
import typer.main

from app.cli import cli
from app.core.database_url import parse_database_url
from app.core.secret_keys import new_key_setting
from app.core.settings import PREFIX, Settings, load_settings
from tests.image.compose import PROJECT, compose, services_of_passgate

SERVICES = services_of_passgate()


def test_api_worker_and_migration_run_the_same_image() -> None:
    assert {name: service["command"][0] for name, service in SERVICES.items()} == {
        "api": "serve",
        "worker": "worker",
        "migrate": "migrate",
    }
    assert SERVICES["api"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", SERVICES)
def test_the_command_line_knows_each_command(name: str) -> None:
    command, *options = SERVICES[name]["command"]

    known = typer.main.get_group(cli).commands[command]
    known.make_context(command, options)  # raises on an unknown option


@pytest.mark.parametrize("name", SERVICES)
def test_each_environment_variable_is_a_setting(name: str) -> None:
    assert {variable.removeprefix(PREFIX).lower() for variable in SERVICES[name]["environment"]} <= set(
        Settings.model_fields
    )


def test_the_settings_are_valid_and_the_database_connection_is_unencrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"DATABASE_PASSWORD": "secret", "SECRET_KEYS": new_key_setting(), "MAIL_URL": "smtps://m.example.com"}
    for variable, value in SERVICES["api"]["environment"].items():
        filled = re.sub(r"\$\{([A-Z_]+):[?-]([^}]*)\}", lambda found: given.get(found[1], found[2]), value)
        monkeypatch.setenv(variable, filled)

    url = load_settings().database_url

    assert url is not None
    read = parse_database_url(url.get_secret_value())
    assert (read.sslmode, read.is_local) == ("disable", False)
    assert "database" not in SERVICES
    assert "ports" not in compose()["services"]["database"]


def test_the_image_is_built_with_the_uv_version_of_the_lock_file() -> None:
    lock = tomllib.loads((PROJECT / "uv.lock").read_text())
    [locked] = [package["version"] for package in lock["package"] if package["name"] == "uv"]

    assert re.findall(r"uv==(\S+)", (PROJECT / "Dockerfile").read_text()) == [locked]
