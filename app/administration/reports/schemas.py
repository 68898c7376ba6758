"""A report on the wire (docs/api.md section 8)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from app.administration.reports.rules import PREFIX
from app.web.wire import Answer, Body, Open, secret_field


class NewReport(Body):
    """The type of the report, whether it includes end users, and whether a link is e-mailed."""

    type: Literal["two_factor_status"]
    include_end_users: bool = False
    notify: bool = True


class ReportToken(Body):
    """The token of a report's link, which is the only credential."""

    token: Annotated[str, secret_field(PREFIX, with_id=True)]


class Report(Answer):
    """A report with its status and times."""

    id: UUID
    type: Open[Literal["two_factor_status"]]
    status: Open[Literal["queued", "running", "ready", "failed", "expired"]]
    rows: int | None
    requested_by: UUID
    notify: bool
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
