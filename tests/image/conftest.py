"""The image, built once."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.containers import Image, load

_REQUESTED_BY = "PASSGATE_TEST_IMAGE"
_PROGRAMS = ("buildah", "ip", "jq", "mmdebstrap", "nginx", "oathtool", "promtool", "unshare")
_PACKAGES = "buildah iproute2 jq mmdebstrap nginx-light oathtool prometheus"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image that `build.sh` builds. It takes minutes, so it is built only on request."""
    if _REQUESTED_BY not in os.environ:
        pytest.skip(f"building the image takes minutes: {_REQUESTED_BY}=1 pytest -n 0 tests/image")
    if os.geteuid() != 0 or not all(map(shutil.which, _PROGRAMS)):
        pytest.skip(f"needs root, and: apt-get install {_PACKAGES}")
    directory = tmp_path_factory.mktemp("image")
    script = Path(__file__).parent / "build.sh"
    built = subprocess.run([script, directory], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    yield load(directory)
    shutil.rmtree(directory)  # half a gigabyte
