"""A report on the wire (docs/api.md section 8)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from app.administration.reports.rules import PREFIX
from app.web.wire import Answer, Body, Open, secret_field


class NewReport(Body):
    """The type of the report, and whether it includes end users."""

    type: Literal["two_factor_status"]
    include_end_users: bool = False


class ReportDownload(Body):
    """The token in the e-mailed link."""

    token: Annotated[str, secret_field(PREFIX, with_id=True)]


class Report(Answer):
    """A report with its status and times."""

    id: UUID
    type: Open[Literal["two_factor_status"]]
    status: Open[Literal["queued", "running", "ready", "failed", "expired"]]
    rows: int | None
    requested_by: UUID
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
