"""To save memory, a worker process of `serve` does not load libraries that it does not need."""

import subprocess
import sys
from importlib.metadata import entry_points


def loaded_by(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def test_a_worker_process_loads_neither_the_command_line_nor_jobs_migrations_and_word_lists() -> None:
    [script] = entry_points(group="console_scripts", name="passgate")
    # Each worker process loads the module of the script and the application.
    loaded = loaded_by(script.module, "app.main")

    assert loaded >= {"app.main", "fastapi", "sqlalchemy"}
    assert loaded.isdisjoint({"alembic", "app.cli", "app.worker", "procrastinate", "psycopg", "typer", "zxcvbn"})
