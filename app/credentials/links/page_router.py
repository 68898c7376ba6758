"""Minimal pages for links in e-mails, unless `PASSGATE_LINK_URL` names those of a front end."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, HTMLResponse

from app.accounts.rules import is_slug
from app.core.errors import NotFound
from app.credentials.links.page_rendering import FILES, PAGES, page_language, render_page
from app.web.dependencies import AppServices

router = APIRouter(tags=["about"])

_ASSETS = {name: FILES / f"page.{name}" for name in ("css", "js")}
_TEXT = {"schema": {"type": "string"}}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get(
    "/links/page.{kind}",
    operation_id="getLinkPageAsset",
    response_class=FileResponse,
    responses={200: {"content": {"text/css": _TEXT, "text/javascript": _TEXT}}},
)
async def get_link_page_asset(kind: str) -> FileResponse:
    """Return the script or the style sheet of the pages; a path from a request is never opened."""
    if kind not in _ASSETS:
        raise NotFound("There is no such file.")
    return FileResponse(_ASSETS[kind])


@router.get(
    "/links/{account}/{kind}",
    operation_id="getLinkPage",
    response_class=HTMLResponse,
)
async def get_link_page(
    request: Request,
    services: AppServices,
    account: str,
    kind: str,
    locale: Annotated[str, Query(description="The user's locale. Without it, `Accept-Language` counts.")] = "",
) -> HTMLResponse:
    """Return the page of a link, such as the one that sets a password.

    A browser that asks for a page that does not exist gets one that says so; other clients get a problem.
    """
    is_account = is_slug(account)  # whether it exists, only the API says
    exists = is_account and kind in PAGES
    if not exists and "text/html" not in request.headers.get("accept", ""):
        raise NotFound("There is no such page.")
    front_end = services.settings.front_end_url if is_account else None
    page = render_page(
        kind if exists else "unknown",
        page_language(locale, request.headers.get("accept-language", "")),
        account=account,
        front_end=front_end and front_end.replace("{account}", account),
    )
    return HTMLResponse(page, 200 if exists else 404, headers={"Content-Security-Policy": _POLICY})
