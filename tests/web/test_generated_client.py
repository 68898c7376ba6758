"""A typed client, generated from `passgate openapi`, signs in at a running service."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.account.authenticator_app import AuthenticatorApp
from tests.support.account.clock import TurnableClock
from tests.support.programs.serving import passgate, serving


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Generate the client, and return the name of its package."""
    document = tmp_path / "openapi.json"
    document.write_text(passgate("openapi", data_dir=tmp_path / "none").stdout)
    program = Path(sys.executable).with_name("openapi-python-client")
    to = tmp_path / "generated_client"
    subprocess.run(
        [program, "generate", "--meta", "none", "--path", document, "--output-path", to],
        check=True,
        capture_output=True,
    )
    monkeypatch.syspath_prepend(tmp_path)
    return to.name


def test_the_generated_client_enrolls_and_signs_in_with_a_passcode(generated: str, tmp_path: Path) -> None:
    models = importlib.import_module(f"{generated}.models")
    clients = importlib.import_module(generated)

    def call(operation: str, client: Any, *ids: str, body: Any) -> Any:
        module = importlib.import_module(f"{generated}.api.{operation}")
        return module.sync("demo", *ids, client=client, body=body)

    with (
        serving(tmp_path / "data", "--no-jobs") as service,
        clients.Client(base_url=service.url) as client,
        clients.Client(base_url=service.url) as elsewhere,
    ):
        password = models.PasswordSignIn(email="owner@demo.example", password=service.owner_password)
        begun = call("sign_in.sign_in", client, body=password)
        assert isinstance(begun, models.Complete)

        requirement = models.PolicyChange(require_two_factor=models.RequirementChange(team_members=True))
        with clients.AuthenticatedClient(base_url=service.url, token=begun.session.token) as signed_in:
            call("security_policy.change_security_policy", signed_in, body=requirement)
        begun = call("sign_in.sign_in", client, body=password)
        assert isinstance(begun, models.EnrollmentRequired)

        wanted = models.SignInEnrollment(kind="totp", sign_in_token=begun.sign_in_token)
        enrollment = call("sign_in.begin_enrollment_at_sign_in", client, body=wanted)
        phone = AuthenticatorApp(enrollment.secret, TurnableClock())
        confirmation = models.SignInConfirmation(passcode=phone.passcode(), sign_in_token=begun.sign_in_token)
        confirmed = call("sign_in.confirm_enrollment_at_sign_in", client, str(enrollment.id), body=confirmation)
        assert isinstance(confirmed, models.CompletedByEnrollment)

        begun = call("sign_in.sign_in", elsewhere, body=password)
        assert isinstance(begun, models.PasscodeRequired)
        passcode = models.PasscodeSignIn(sign_in_token=begun.sign_in_token, passcode=phone.next_passcode())
        completed = call("sign_in.submit_passcode", elsewhere, body=passcode)
        assert isinstance(completed, models.CompletedByPasscode)
        assert completed.session.assurance == "aal2"
