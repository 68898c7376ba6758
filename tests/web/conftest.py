"""A real service in its own process, with its own database, for tests of sockets and logs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs.serving import Serving, serving


@pytest.fixture(scope="session")
def served_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "data"


@pytest.fixture(scope="session")
def service(served_data_dir: Path) -> Iterator[Serving]:
    """A real `passgate serve` that logs everything, with its demo account."""
    with serving(served_data_dir, PASSGATE_LOG_LEVEL="debug") as running:
        yield running
