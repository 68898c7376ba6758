"""The command line, as an operator uses it: real processes on an embedded database of their own."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.programs.serving import Serving, passgate, serving

PASSWORD = "a long enough password"
DEMO_USER = ("create-user", "demo", "--role", "agent", "--name", "A", "--email", "a@b.example")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli") / "data"


@pytest.fixture(scope="module")
def service(data_dir: Path) -> Iterator[Serving]:
    with serving(data_dir) as running:
        yield running


def sign_in(service: Serving, account: str, email: str, password: str) -> httpx.Response:
    url = f"{service.url}/v1/accounts/{account}/sign-ins"
    return httpx.post(url, json={"email": email, "password": password})


def test_the_first_start_makes_a_demo_account_whose_owner_signs_in(service: Serving) -> None:
    answer = sign_in(service, "demo", "owner@demo.example", service.owner_password)

    assert answer.status_code == 201
    assert answer.json()["user"]["role"] == "owner"


def test_only_the_owner_of_the_key_file_can_read_it(service: Serving, data_dir: Path) -> None:  # noqa: ARG001 -- the service made them
    assert stat.S_IMODE((data_dir / "secret-keys").stat().st_mode) == 0o600


def test_accounts_and_users_are_made_beside_the_running_service(service: Serving, data_dir: Path) -> None:
    made = passgate(
        *("create-account", "acme", "--name", "Acme", "--owner-email", "boss@acme.example", "--password-stdin"),
        data_dir=data_dir,
        stdin=PASSWORD + "\n",
    )
    assert made.returncode == 0, made.stderr
    made = passgate(
        *("create-user", "acme", "--email", "Eve@acme.example", "--name", "Eve", "--role", "agent"),
        "--password-stdin",
        data_dir=data_dir,
        stdin=PASSWORD,
    )
    assert made.returncode == 0, made.stderr

    assert sign_in(service, "acme", "boss@acme.example", PASSWORD).json()["user"]["role"] == "owner"
    assert sign_in(service, "acme", "eve@acme.example", PASSWORD).json()["user"]["email"] == "Eve@acme.example"
    assert sign_in(service, "demo", "eve@acme.example", PASSWORD).status_code == 401


def test_a_test_account_is_made_and_its_owner_gets_no_real_one(service: Serving, data_dir: Path) -> None:
    owner = ("--name", "Acme", "--owner-email", "tester@acme.example", "--password-stdin")
    made = passgate("create-account", "acme-test", *owner, "--test", data_dir=data_dir, stdin=PASSWORD)
    assert made.returncode == 0, made.stderr
    assert made.stdout == "Made the test account acme-test.\n"

    refused = passgate("create-account", "acme-real", *owner, data_dir=data_dir, stdin=PASSWORD)

    assert refused.returncode == 2
    assert "cannot own a test account" in refused.stderr
    assert "Traceback" not in refused.stderr
    answer = sign_in(service, "acme-test", "tester@acme.example", PASSWORD)
    assert answer.headers["passgate-test-account"] == "true"
    assert sign_in(service, "acme-real", "tester@acme.example", PASSWORD).status_code == 404


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        ((*DEMO_USER[:-2],), PASSWORD, "Missing option '--email'"),
        (("create-user", "nobody", *DEMO_USER[2:]), PASSWORD, "no account"),
        ((*DEMO_USER, "--email", "nonsense"), PASSWORD, "is like name@example.com"),
        ((*DEMO_USER, "--role", "owner"), PASSWORD, "an owner already"),
        ((*DEMO_USER, "--email", "OWNER@demo.example"), PASSWORD, "with this e-mail"),
        (DEMO_USER, "short", "at least 8"),
        (DEMO_USER, "password123", "most used"),
        ((*DEMO_USER, "--role", "king"), PASSWORD, "Invalid value"),
        (("create-account", "demo", "--name", "N", "--owner-email", "a@b.example"), PASSWORD, "with this name"),
        (("create-account", "Demo!", "--name", "N", "--owner-email", "a@b.example"), PASSWORD, "a-z, 0-9"),
    ],
)
def test_a_mistake_is_one_clear_line_and_never_a_traceback(
    service: Serving,  # noqa: ARG001 -- the commands use its database
    data_dir: Path,
    arguments: tuple[str, ...],
    stdin: str,
    says: str,
) -> None:
    ended = passgate(*arguments, "--password-stdin", data_dir=data_dir, stdin=stdin)

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert stdin not in ended.stderr


def test_a_password_is_reset_by_a_link_on_the_terminal(service: Serving, data_dir: Path) -> None:
    new = ("--role", "agent", "--name", "Al", "--locale", "de", "--external-id", "crm-1")
    made = passgate("create-user", "demo", *new, "--email", "al@demo.example", data_dir=data_dir)
    assert made.returncode == 0, made.stderr

    ended = passgate("reset-password", "demo", "al@demo.example", data_dir=data_dir)

    assert ended.returncode == 0, ended.stderr
    [url] = ended.stdout.splitlines()
    assert "/links/demo/password?locale=de#pgp_" in url
    body = {"token": url.partition("#")[2], "new_password": PASSWORD}
    redemption = f"{service.url}/v1/accounts/demo/password-links/redemption"
    assert httpx.post(redemption, json=body).status_code == 204
    user = sign_in(service, "demo", "al@demo.example", PASSWORD).json()["user"]
    assert user["external_id"] == "crm-1"


@pytest.mark.parametrize("command", ["recovery-codes", "transfer-ownership"])
def test_a_reason_must_be_visible(service: Serving, data_dir: Path, command: str) -> None:  # noqa: ARG001 -- its database
    ended = passgate(command, "demo", "owner@demo.example", "--reason", "", data_dir=data_dir)

    assert (ended.returncode, ended.stderr) == (
        2,
        "passgate: reason: At least one visible character is required.\n",
    )


def test_recovery_codes_need_an_authenticator(service: Serving, data_dir: Path) -> None:  # noqa: ARG001 -- its database
    ended = passgate("recovery-codes", "demo", "owner@demo.example", "--reason", "lost", data_dir=data_dir)

    assert ended.returncode == 2
    assert "authenticator" in ended.stderr


def test_a_second_process_on_the_data_directory_is_refused(service: Serving, data_dir: Path) -> None:
    ended = passgate("serve", "--port", "1", data_dir=data_dir)

    assert ended.returncode == 2
    assert f"in use by process {service.process.pid}" in ended.stderr


def test_check_reports_no_problem_of_the_embedded_setup(service: Serving, data_dir: Path) -> None:  # noqa: ARG001 -- its database
    ended = passgate("check", data_dir=data_dir)

    assert ended.returncode == 0, ended.stdout
    assert "WRONG" not in ended.stdout
    assert "database: Postgres" in ended.stdout


def test_check_reports_a_problem_and_fails(tmp_path: Path) -> None:
    ended = passgate(
        "check",
        data_dir=tmp_path,
        PASSGATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        PASSGATE_SECRET_KEYS="k1:" + "A" * 43 + "=",
    )

    assert ended.returncode == 1
    assert "WRONG  database" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (("--host", "0.0.0.0"), {}),  # noqa: S104 -- refused, as the test shows
        ((), {"PASSGATE_PUBLIC_URL": "https://id.example.com"}),
    ],
)
def test_the_embedded_database_serves_this_machine_only(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str]
) -> None:
    ended = passgate("serve", *arguments, data_dir=tmp_path / "data", **settings)

    assert ended.returncode == 2
    assert "PASSGATE_DATABASE_URL" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_an_external_database_needs_keys_of_its_own(tmp_path: Path) -> None:
    ended = passgate("serve", data_dir=tmp_path, PASSGATE_DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/d")

    assert ended.returncode == 2
    assert "PASSGATE_SECRET_KEYS" in ended.stderr
    assert "geheim" not in ended.stderr


@pytest.mark.usefixtures("service")
def test_letters_given_up_are_listed_and_sent_again_beside_the_service(data_dir: Path) -> None:
    listed = passgate("letters", "list", data_dir=data_dir)
    retried = passgate("letters", "retry", "--account", "demo", data_dir=data_dir)
    unknown = passgate("letters", "retry", "--account", "nobody", data_dir=data_dir)

    assert (listed.returncode, listed.stdout) == (0, "Given up: 0.\n")
    assert (retried.returncode, retried.stdout) == (0, "Put 0 e-mails into the queue again.\n")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no account" in unknown.stderr


def test_the_openapi_document_needs_no_database(tmp_path: Path) -> None:
    ended = passgate("openapi", data_dir=tmp_path / "data")

    assert json.loads(ended.stdout)["info"]["title"] == "Passgate"
    assert not (tmp_path / "data").exists()


def test_a_restart_keeps_the_data_and_makes_no_second_demo_account(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--workers", "2") as first:
        password = first.owner_password
    with serving(tmp_path / "data") as second:
        assert sign_in(second, "demo", "owner@demo.example", password).status_code == 201
        assert "shown this once" not in second.output()
