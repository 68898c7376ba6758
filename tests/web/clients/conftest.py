"""The OpenAPI document as a file, as developers of clients get it."""

import shutil
from pathlib import Path

import pytest

from tests.support.programs.serving import passgate
from tests.web.clients.tools import HERE


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `passgate openapi`."""
    directory = tmp_path_factory.mktemp("document")
    found = directory / "openapi.json"
    found.write_text(passgate("openapi", data_dir=directory / "none").stdout)
    return found


@pytest.fixture
def workplace(tmp_path: Path, document: Path) -> Path:
    """A directory with the document, our TypeScript files, and the packages that npm installed."""
    for source in (document, *(HERE / "typescript").iterdir()):
        shutil.copy(source, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    return tmp_path
