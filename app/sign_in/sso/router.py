"""HTTP for the exchange of a login's code for a session."""

from fastapi import APIRouter, Request, Response

from app.authentication.context import Context
from app.authentication.routes import AccountRoute
from app.sign_in.router import show_completed
from app.sign_in.schemas import Complete
from app.sign_in.sso import schemas, use_cases
from app.sign_in.sso.cookies import exchange_cookie, read_exchange_cookie
from app.web.cookies import cookie_headers_of
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["third-party sign-in"], route_class=AccountRoute)


@router.post(
    "/sign-ins/exchange", status_code=201, operation_id="exchangeCode", responses=problems("sign_in_expired")
)
async def exchange_code(
    services: AppServices, context: Context, request: Request, response: Response, body: schemas.Exchange
) -> Complete:
    """Exchange the code of a finished login for the session: once, and within a minute.

    If the login began with a `code_challenge`, send its `code_verifier`. Otherwise call this from the browser that
    came back with the code: it holds a cookie for this, which the answer deletes.
    """
    secure = services.settings.is_https
    browser_secret = read_exchange_cookie(cookie_headers_of(request), secure=secure)
    async with services.database.begin() as tx:
        completed = await use_cases.exchange_code(
            tx, context, body.code, verifier=body.code_verifier or None, browser_secret=browser_secret
        )
    if browser_secret and not body.code_verifier:
        response.headers.append("Set-Cookie", exchange_cookie("", secure=secure))
    return show_completed(completed)
