"""Minimal pages for links in e-mails, unless `PASSGATE_LINK_URL` names those of a front end."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.core.errors import NotFound

router = APIRouter(tags=["about"])

_PAGES = Path(__file__).parent / "pages"
_FILES = {path.name: path for path in _PAGES.iterdir()}
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
    """Return the script or the style sheet of the pages."""
    return FileResponse(_file(f"page.{kind}"))


@router.get(
    "/links/{account}/{kind}",
    operation_id="getLinkPage",
    response_class=FileResponse,
    responses={200: {"content": {"text/html": _TEXT}}},
)
async def get_link_page(account: str, kind: str) -> FileResponse:  # noqa: ARG001 -- the script reads it
    """Return the page of a link, such as the one that sets a password."""
    return FileResponse(
        _file(f"{kind}.html"), media_type="text/html", headers={"Content-Security-Policy": _POLICY}
    )


def _file(name: str) -> Path:
    """Return a file by its name from a fixed list; a path from a request is never opened."""
    if name not in _FILES:
        raise NotFound("There is no such page.")
    return _FILES[name]
