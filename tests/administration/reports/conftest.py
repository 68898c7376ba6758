"""What the tests of reports begin with."""

from pathlib import Path

import pytest

from tests.support.account.arrange import Tenant
from tests.support.account.reports import ReportClient
from tests.support.account.services import with_changes


@pytest.fixture
def desk(tenant: Tenant, tmp_path: Path) -> ReportClient:
    """The account's desk for reports."""
    return ReportClient(tenant, with_changes(tenant.services, data_dir=tmp_path))
