"""HTTP for the two-factor status report."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.administration.reports import repository, rules, use_cases
from app.administration.reports.schemas import NewReport, Report, ReportToken
from app.authentication.allow import Allow
from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.core.callers import ADMINS, Caller
from app.credentials.api_tokens.rules import Scope
from app.credentials.links.schemas import LinkDetails
from app.services import Services
from app.web.dependencies import AppServices
from app.web.head import is_head
from app.web.pages import Page, Paged
from app.web.problems import problems
from app.web.wire import PathId

router = APIRouter(tags=["reports"], route_class=AccountRoute)

_FreshAdmin = Annotated[Caller, Depends(Allow(roles=ADMINS, fresh="yes", scope=Scope.REPORTS))]
_Reader = Annotated[Caller, Depends(Allow(roles=ADMINS, scope=Scope.REPORTS, password=True))]

_Bom = Annotated[bool, Query(description="whether the text begins with a byte order mark, for Excel")]

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report (RFC 4180).", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.post("/reports", status_code=202, operation_id="requestReport")
async def request_report(
    request: Request, services: AppServices, caller: _FreshAdmin, body: NewReport, response: Response
) -> Report:
    """Request a report of the team's two-factor status. A link is e-mailed when it is ready, if wanted.

    A session needs a fresh second factor.
    """
    async with services.database.begin() as tx:
        report = await use_cases.request_report(
            tx, caller, include_end_users=body.include_end_users, notify=body.notify
        )
    response.headers["Location"] = f"{request.scope['path']}/{report.id}"
    response.headers["Retry-After"] = str(rules.POLL_AFTER_SECONDS)
    return _show(report, caller)


@router.get("/reports", operation_id="listReports")
async def list_reports(services: AppServices, caller: _Reader, page: Paged) -> Page[Report]:
    """List the account's reports, newest first."""
    async with services.database.read() as tx:
        rows = await repository.list_reports(tx, caller.account_id, before=page.before, limit=page.fetch)
    shown, cursor = page.cut(rows)
    return Page(items=[_show(report, caller) for report in shown], next_cursor=cursor)


@router.get("/reports/{report_id}", operation_id="getReport")
async def get_report(services: AppServices, caller: _Reader, report_id: PathId) -> Report:
    """Show a report and its status."""
    async with services.database.read() as tx:
        report = await use_cases.find_report(tx, caller.account_id, report_id)
    return _show(report, caller)


@router.get(
    "/reports/{report_id}/csv",
    operation_id="downloadReport",
    response_class=StreamingResponse,
    responses=_CSV | problems("report_not_ready"),
)
async def download_report(
    request: Request,
    services: AppServices,
    caller: _FreshAdmin,
    report_id: PathId,
    *,
    bom: _Bom = False,
) -> StreamingResponse:
    """Download a report that is ready. A session needs a fresh second factor."""
    async with services.database.begin() as tx:
        download = await use_cases.open_download(
            tx, caller, report_id, for_spreadsheet=bom, headers_alone=is_head(request)
        )
    return _send(request, services, download)


@router.post(
    "/report-downloads",
    operation_id="downloadReportByLink",
    response_class=StreamingResponse,
    responses=_CSV | problems("link_expired"),
)
async def download_report_by_link(
    request: Request, services: AppServices, context: Context, body: ReportToken
) -> StreamingResponse:
    """Download a report with the token of the e-mailed link.

    The text begins with a byte order mark, for spreadsheets.
    """
    async with services.database.begin() as tx:
        download = await use_cases.open_download_by_link(tx, context, body.token)
    return _send(request, services, download)


@router.post("/report-link-details", operation_id="describeReportLink", responses=problems("link_expired"))
async def describe_report_link(services: AppServices, context: Context, body: ReportToken) -> LinkDetails:
    """Show for whom the link to a report is, with a masked e-mail address. It stays open."""
    async with services.database.read() as tx:
        return LinkDetails.model_validate(await use_cases.describe_link(tx, context, body.token))


def _send(request: Request, services: Services, download: use_cases.Download) -> StreamingResponse:
    name = rules.file_name(request.path_params["account"], download.made_at)
    return StreamingResponse(
        iter(()) if is_head(request) else use_cases.read_report(services.database, download),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(download.bytes_sent),
        },
    )


def _show(report: rules.Report, caller: Caller) -> Report:
    return Report(
        id=report.id,
        type=report.type.value,
        status=report.status_at(caller.now).value,
        rows=report.rows,
        requested_by=report.requested_by,
        notify=report.notify,
        created_at=report.created_at,
        ready_at=report.ready_at,
        expires_at=report.expires_at,
    )
