"""Project rules that a program can check (docs/architecture.md has the reasons)."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 300
AT_THE_TOP = {
    "alembic.ini",
    "app",
    "CHANGELOG.md",
    "compose.yaml",
    "Dockerfile",
    "docs",
    "LICENSE",
    "Makefile",
    "migrations",
    "pyproject.toml",
    "README.md",
    "tests",
    "uv.lock",
}
BUILT = {"dist"}  # created by packaging, ignored by git

REASONED = re.compile(r"# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* -- \S|# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \S")
SILENCED = re.compile(r"#\s*(noqa|type:\s*ignore|pragma|mypy:|ruff:|fmt:|pylint)")
DATABASE_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(\)"
    r"|\b(current|local)_?(timestamp|time|date)\b",
    re.IGNORECASE,
)
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "func.now",
    "func.current_timestamp",
    "func.clock_timestamp",
    "func.localtimestamp",
    "func.transaction_timestamp",
}


def sources(*directories: str) -> list[Path]:
    return sorted(path for directory in directories for path in (ROOT / directory).rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


APP = sources("app")
ALL = sources("app", "migrations", "tests")
# The job queue belongs to procrastinate and uses the database's time; it decides no access.
# `passgate check` compares the database's time with the service's.
TIMED_BY_THE_DATABASE = {ROOT / "app" / "worker.py", ROOT / "app" / "commands" / "check.py"}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def calls(path: Path) -> Iterator[str]:
    """Yield what a module calls: the last two parts of each dotted name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            before = node.func.value
            owner = (
                before.attr
                if isinstance(before, ast.Attribute)
                else before.id
                if isinstance(before, ast.Name)
                else ""
            )
            yield f"{owner}.{node.func.attr}"


def texts(path: Path) -> Iterator[str]:
    """Yield the strings in a module that are no docstrings."""
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docstrings:
            yield node.value


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def importing(package: str, paths: list[Path] = APP) -> list[str]:
    return [named(path) for path in paths if any(f"{name}.".startswith(f"{package}.") for name in imports(path))]


def test_the_root_directory_has_only_known_entries() -> None:
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert {"app", "tests", "migrations"} <= found
    assert found - BUILT <= AT_THE_TOP


def test_no_file_is_too_long_to_be_read() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in ALL}

    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [named(path) for path in sources("app", "migrations") if not ast.get_docstring(tree(path))]

    assert silent == []


def test_every_warning_that_is_silenced_has_a_reason() -> None:
    silenced = [
        f"{named(path)}: {line.strip()}"
        for path in ALL
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if SILENCED.search(line) and not REASONED.search(line)
    ]

    assert silenced == []


def test_only_the_clock_module_reads_the_time() -> None:
    clock = ROOT / "app" / "core" / "clock.py"
    assert "datetime.now" in set(calls(clock))
    for path in APP:
        if path == clock:
            continue
        assert CLOCKS & set(calls(path)) == set(), path
        if path not in TIMED_BY_THE_DATABASE:
            assert [text for text in texts(path) if DATABASE_TIME.search(text)] == [], path


def test_only_the_database_package_commits_or_rolls_back() -> None:
    for path in APP:
        if not path.is_relative_to(ROOT / "app" / "database"):
            assert [call for call in calls(path) if call.endswith((".commit", ".rollback"))] == [], path


def test_frameworks_stay_where_they_belong() -> None:
    for path in importing("fastapi"):
        assert (
            path == "app/main.py"
            or path.startswith(("app/web/", "app/authentication/"))
            or path.endswith(("router.py", "answers.py", "dependencies.py"))
        ), path
    for path in importing("starlette"):
        assert path == "app/main.py" or path.startswith("app/web/"), path
    for path in importing("uvicorn"):
        assert path.startswith("app/web/") or path in {"app/cli.py", "app/commands/http_server.py"}
    for path in importing("typer"):
        assert path in {"app/cli.py", "app/commands/command_line.py"} or (
            path.startswith("app/commands/") and path.endswith("_commands.py")
        ), path
    for path in importing("pyotp"):
        assert path.startswith("app/second_factor/kinds/totp/")
    assert importing("nacl") == ["app/crypto/argon2.py"]
    assert importing("argon2") == []  # only tests use it
    for path in importing("asyncpg"):
        assert path.startswith("app/database/")
    assert len(importing("jose")) <= 1
    assert importing("fastapi")


def test_forbidden_framework_features_are_not_used() -> None:
    for path in APP:
        assert "BaseHTTPMiddleware" not in path.read_text(), path
        assert not imports(path) & {"sqlalchemy.orm.relationship", "fastapi.BackgroundTasks"}, path
        assert not {"app.middleware", "session.expunge"} & set(calls(path)), path


def test_the_import_linter_contracts_are_kept() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stdout


def test_every_disabled_lint_rule_has_a_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    left_out = [line for line in lines if re.match(r'\s*"[A-Z]+[0-9]*",', line)]

    assert len(left_out) > 10
    assert [line for line in left_out if not re.search(r"#\s*\S", line)] == []
