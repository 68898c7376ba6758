"""Clients that openapi-generator generates for TypeScript, Kotlin and Swift."""

import re
from pathlib import Path

import pytest

from tests.web.clients.tools import check_types, generate, needs_node

ANSWERS = ("Complete", "EnrollmentRequired", "PasscodeRequired")
EXPECTED = "OpenAPI 3.1 support is still in beta"


def warnings(printed: str) -> list[str]:
    """Return the warnings, without those about names that are reserved in the language."""
    found = [line for line in printed.splitlines() if " WARN " in line or "ERROR" in line]
    return [line for line in found if EXPECTED not in line and "cannot be used as" not in line]


@needs_node
def test_typescript_fetch_tells_the_answers_to_a_sign_in_apart(workplace: Path) -> None:
    printed = generate("typescript-fetch", document=workplace / "openapi.json", to=workplace / "generated")
    assert warnings(printed) == []

    check_types("narrow_fetch.ts", at=workplace)


def test_swift_has_one_case_for_each_answer_to_a_sign_in(document: Path, tmp_path: Path) -> None:
    assert warnings(generate("swift6", document=document, to=tmp_path / "swift")) == []

    models = tmp_path / "swift" / "Sources" / "OpenAPIClient" / "Models"
    answer = (models / "SignInAnswer.swift").read_text()
    assert re.findall(r"^    case type(\w+)\((\w+)\)", answer, re.MULTILINE) == [(name, name) for name in ANSWERS]
    assert re.findall(r'case "(\w+)":', answer) == ["complete", "enrollment_required", "passcode_required"]
    complete = (models / "Complete.swift").read_text()
    assert re.findall(r"^    public var (\w+): ([\w?]+)", complete, re.MULTILINE) == [
        ("status", "Status"),
        ("session", "NewSession"),
        ("user", "User"),
    ]


def test_kotlin_reads_each_answer_to_a_sign_in_as_its_own_class(document: Path, tmp_path: Path) -> None:
    # As docs/integrating.md says: without wrappers, this generator merges all answers into one class.
    options = "library=jvm-retrofit2,serializationLibrary=gson,generateOneOfAnyOfWrappers=true"
    printed = generate("kotlin", "--additional-properties", options, document=document, to=tmp_path / "kotlin")
    assert warnings(printed) == []

    models = tmp_path / "kotlin" / "src" / "main" / "kotlin" / "org" / "openapitools" / "client" / "models"
    answer = (models / "SignInAnswer.kt").read_text()
    assert "data class SignInAnswer(var actualInstance: Any? = null)" in answer
    assert set(re.findall(r"value\.actualInstance is (\w+)", answer)) == set(ANSWERS)
    complete = (models / "Complete.kt").read_text()
    fields = complete.partition("data class Complete (")[2].partition("\n) ")[0]
    assert re.findall(r"val (\w+): ([\w.?]+)", fields) == [
        ("status", "Complete.Status"),
        ("session", "NewSession"),
        ("user", "User"),
    ]


@pytest.mark.parametrize("generator", ["swift6", "kotlin"])
def test_lists_of_values_that_may_grow_are_plain_text(document: Path, tmp_path: Path, generator: str) -> None:
    generate(generator, document=document, to=tmp_path / "client")

    [source] = (path for path in (tmp_path / "client").rglob("Method.*") if path.suffix in {".swift", ".kt"})
    assert re.search(r"kind: (kotlin\.)?String\b", source.read_text())
