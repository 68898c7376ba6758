"""What the tests of reports begin with."""

from pathlib import Path

import pytest

from tests.support.arrange import Place
from tests.support.reports import Desk
from tests.support.services import with_changes


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Desk:
    """The account's desk for reports."""
    return Desk(place, with_changes(place.services, data_dir=tmp_path))
