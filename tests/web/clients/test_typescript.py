"""TypeScript clients that openapi-typescript and hey-api generate."""

from pathlib import Path

from tests.support.programs.serving import serving
from tests.web.clients.tools import check_types, needs_node, run, run_npm

pytestmark = needs_node


def test_a_strict_client_enrolls_signs_in_by_passcode_and_by_device_and_reads_the_report(workplace: Path) -> None:
    run_npm(
        "openapi-typescript", "openapi.json", "--default-non-nullable=false", "-o", "generated.ts", at=workplace
    )
    options = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--target", "es2022"]
    run_npm("tsc", *options, "--module", "nodenext", "--types", "node", "sign_in.ts", at=workplace)

    with serving(workplace / "data") as service:
        printed = run("node", "sign_in.js", service.url, service.owner_password, at=workplace)

    assert printed == "signed in, and read the report\n"


def test_hey_api_tells_the_answers_to_a_sign_in_apart(workplace: Path) -> None:
    printed = run_npm(
        "openapi-ts", "-i", "openapi.json", "-o", "generated", "-c", "@hey-api/client-fetch", at=workplace
    )
    assert "warn" not in printed.lower()

    check_types("narrow_hey_api.ts", at=workplace)
