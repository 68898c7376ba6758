"""The answer to a browser that comes back from an identity provider."""

from fastapi.responses import RedirectResponse

from app.core.errors import Refusal
from app.services import Services
from app.sign_in.sso.cookies import exchange_cookie, login_cookie
from app.sign_in.sso.rules import HandedOut, LoginRequest


def send_back(
    services: Services, login: LoginRequest, outcome: HandedOut | Refusal, *, by_post: bool
) -> RedirectResponse:
    """Redirect to the login's `return_to` with `#code=` or `#error=`, and delete the login's cookie.

    `by_post`: the provider's page posted its answer (see `login_cookie`).
    """
    end = f"error={outcome.code}" if isinstance(outcome, Refusal) else f"code={outcome.code}"
    response = RedirectResponse(f"{login.return_to}#{end}", 303)
    secure = services.settings.is_https
    response.headers.append("Set-Cookie", login_cookie("", secure=secure, answered_cross_site=by_post))
    if isinstance(outcome, HandedOut) and outcome.browser_secret:
        response.headers.append("Set-Cookie", exchange_cookie(outcome.browser_secret, secure=secure))
    return response
