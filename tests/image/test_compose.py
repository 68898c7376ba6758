"""`compose.yaml` and the Dockerfile agree with command line, settings and lock file."""

import re
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
import typer.main
from psycopg import sql

from app.cli import GRACE_SECONDS, cli
from app.core.database_url import parse_database_url
from app.core.secret_keys import new_key_setting
from app.core.settings import PREFIX, Settings, load_settings
from app.web.metrics_port import GRACE_SECONDS as METRICS_GRACE_SECONDS
from app.worker import GRACE_SECONDS as WORKER_GRACE_SECONDS
from tests.faults.cluster import Cluster
from tests.image.compose import PROJECT, compose, gateway, services_of_passgate
from tests.support.programs.nginx import NGINX, nginx
from tests.support.programs.serving import free_port, passgate

SERVICES = services_of_passgate()
_OF_LIBPQ = {"PGPASSWORD"}  # both drivers read it, so that no character of the password needs escaping


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
    variables = SERVICES[name]["environment"].keys() - _OF_LIBPQ

    assert {variable.removeprefix(PREFIX).lower() for variable in variables} <= set(Settings.model_fields)


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


def test_a_password_with_any_character_reaches_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = "p@ss:w/o?r#d %41"
    settings = SERVICES["api"]["environment"]
    cluster = Cluster(tmp_path / "data")
    cluster.start()
    try:
        url = urlsplit(cluster.url)
        place = parse_qs(url.query)["host"][0]
        with psycopg.connect(cluster.url) as connection:
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(url.username or ""), password)
            connection.execute(statement)
        assert settings["PGPASSWORD"] == "${DATABASE_PASSWORD:?}"
        assert "PASSWORD" not in settings["PASSGATE_DATABASE_URL"]
        without = f"postgresql://{url.username}@/{url.path.strip('/')}?host={place}"
        monkeypatch.setenv("PGPASSWORD", "wrong")
        assert passgate("migrate", data_dir=tmp_path, PASSGATE_DATABASE_URL=without).returncode != 0
        monkeypatch.setenv("PGPASSWORD", password)
        done = passgate("migrate", data_dir=tmp_path, PASSGATE_DATABASE_URL=without)
        assert done.returncode == 0, done.stderr
        made = passgate(  # by asyncpg, the other driver
            *("create-account", "shop", "--name", "Shop", "--owner-email", "owner@shop.example"),
            data_dir=tmp_path,
            PASSGATE_DATABASE_URL=without,
            PASSGATE_SECRET_KEYS=new_key_setting(),
        )
        assert made.returncode == 0, made.stderr
    finally:
        cluster.stop()


def test_long_running_services_survive_a_reboot_and_stop_in_time() -> None:
    services = compose()["services"]
    assert {name for name, service in services.items() if service["restart"] != "unless-stopped"} == {"migrate"}
    longest = GRACE_SECONDS + WORKER_GRACE_SECONDS + 2 + METRICS_GRACE_SECONDS
    assert int(SERVICES["api"]["stop_grace_period"].removesuffix("s")) > longest


def test_the_image_is_built_once_and_never_pulled() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    assert {SERVICES[name]["pull_policy"] for name in ("api", "worker")} == {"never"}


@pytest.mark.skipif(NGINX is None, reason="apt-get install nginx-light")
def test_nginx_passes_path_and_query_on_and_resolves_names_anew(tmp_path: Path) -> None:
    configuration = compose()["configs"]["nginx"]["content"]
    assert "resolver 127.0.0.11 valid=5s;" in configuration
    assert "proxy_pass http://$$api:8000;" in configuration  # a variable: resolved again while nginx runs

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"{self.path} {self.headers['X-Forwarded-For']}".encode())

    front = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as api:
        threading.Thread(target=api.serve_forever).start()
        with nginx(tmp_path, front, gateway(front, api.server_port)):
            answer = httpx.get(
                f"http://127.0.0.1:{front}/v1/a%2Fb?q=1", headers={"X-Forwarded-For": "203.0.113.7"}
            )
        api.shutdown()
    assert answer.text == "/v1/a%2Fb?q=1 203.0.113.7, 127.0.0.1"


def test_the_image_is_built_with_the_uv_version_of_the_lock_file() -> None:
    lock = tomllib.loads((PROJECT / "uv.lock").read_text())
    [locked] = [package["version"] for package in lock["package"] if package["name"] == "uv"]

    assert re.findall(r"uv==(\S+)", (PROJECT / "Dockerfile").read_text()) == [locked]
