"""The generated key file of the embedded database."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.commands.embedded_setup import keys_in
from app.core.settings import SettingsError
from tests.support.programs.serving import passgate


def test_of_many_that_start_at_once_all_get_the_same_whole_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(32) as pool:
        found = set(pool.map(keys_in, [tmp_path] * 200))

    assert len(found) == 1
    [path] = tmp_path.iterdir()
    assert path.name == "secret-keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n", b"k1:short\n", b"\xff\xfe secret bytes"])
def test_a_broken_file_is_named_and_neither_quoted_nor_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret-keys"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match=f"The file {path} does not hold the keys") as caught:
        keys_in(tmp_path)

    assert "short" not in str(caught.value)
    assert "secret bytes" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_command_says_in_one_line_that_the_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "secret-keys").write_text("")

    ended = passgate("check", data_dir=tmp_path)

    assert ended.returncode != 0
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "secret-keys does not hold the keys. The key setting is empty." in ended.stderr
