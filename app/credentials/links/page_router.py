"""Minimal pages for links in e-mails, unless `PASSGATE_LINK_URL` names those of a front end."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
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
    responses={404: {"description": "A page that says so.", "content": {"text/html": _TEXT}}},
)
async def get_link_page(
    services: AppServices,
    account: str,
    kind: str,
    locale: Annotated[str, Query(description="the user's locale; without it, `Accept-Language` counts")] = "",
    accept_language: Annotated[str, Header()] = "",
) -> HTMLResponse:
    """Return the page of a link, such as the one that sets a password."""
    is_account = is_slug(account)  # whether it exists, only the API says
    exists = is_account and kind in PAGES
    front_end = services.settings.front_end_url if is_account else None
    page = render_page(
        kind if exists else "unknown",
        page_language(locale, accept_language),
        account=account,
        front_end=front_end and front_end.replace("{account}", account),
    )
    return HTMLResponse(page, 200 if exists else 404, headers={"Content-Security-Policy": _POLICY})
