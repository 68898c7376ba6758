"""Fixtures of the report tests."""

from pathlib import Path

import pytest

from tests.support.account.arrange import Tenant
from tests.support.account.reports import ReportClient
from tests.support.account.services import with_changes


@pytest.fixture
def reports(tenant: Tenant, tmp_path: Path) -> ReportClient:
    """A client for the account's reports; their e-mails go to `tmp_path`."""
    return ReportClient(tenant, with_changes(tenant.services, data_dir=tmp_path))
