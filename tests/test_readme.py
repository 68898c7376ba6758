"""Runs the code of the README's tour against a service."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.programs.serving import serving

README = Path(__file__).parent.parent / "README.md"


def tour() -> str:
    """Return the code of the tour in the README."""
    section = README.read_text().split("## A tour")[1].split("\n## ")[0]
    [code] = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return str(code)


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="apt-get install oathtool")
@pytest.mark.skipif(shutil.which("curl") is None, reason="apt-get install curl")
def test_the_tour_prints_the_answers_that_it_shows(tmp_path: Path) -> None:
    expected = re.findall(r"# (complete|passcode_\w+)$", tour(), re.MULTILINE)
    assert len(expected) == 4

    with serving(tmp_path / "data") as service:
        script = tour().replace("the password that was printed", service.owner_password)
        script = script.replace("http://127.0.0.1:8000", service.url)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert ended.returncode == 0, ended.stderr
    said = [line for line in ended.stdout.splitlines() if re.fullmatch(r"complete|passcode_\w+", line)]
    assert said == expected


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 120
