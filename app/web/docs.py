"""The documentation page: Swagger UI, served by this service alone, with a strict CSP."""

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.core.errors import NotFound

# Only the static files of `fastapi_offline` are used: its page has an inline script, which our CSP forbids.
router = APIRouter(prefix="/docs", include_in_schema=False)

_PAGE = Path(__file__).parent / "docs_page"
_SWAGGER_UI = Path(str(files("fastapi_offline") / "static"))
_FILES = {
    "start.js": _PAGE / "start.js",
    "swagger-ui-bundle.js": _SWAGGER_UI / "swagger-ui-bundle.js",
    "swagger-ui.css": _SWAGGER_UI / "swagger-ui.css",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@router.get("", response_class=FileResponse)
async def get_docs() -> FileResponse:
    """Return the documentation page."""
    return FileResponse(_PAGE / "index.html", media_type="text/html", headers={"Content-Security-Policy": _POLICY})


@router.get("/{name}", response_class=FileResponse)
async def get_docs_file(name: str) -> FileResponse:
    """Return a script or style sheet; the name is looked up in `_FILES`, never used as a path."""
    if name not in _FILES:
        raise NotFound("There is no such file.")
    return FileResponse(_FILES[name])
