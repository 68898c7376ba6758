"""What each problem code means and what to do, for problem documents and their pages."""

import html
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.core.errors import NotFound

router = APIRouter(tags=["about"])

_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Explanation:
    """The texts of a problem code: its title, what happened, and what the client can do."""

    title: str
    happened: str
    remedy: str


EXPLANATIONS = {
    "invalid_request": Explanation(
        "The request is not valid",
        "The body or the query does not have the form that this call takes. `errors` names each field.",
        "Correct the named fields and send the request again. The OpenAPI document has the form of each call.",
    ),
    "unsupported_media_type": Explanation(
        "The body is not JSON",
        "The request has a body without `Content-Type: application/json`, or in a charset other than UTF-8.",
        "Send JSON in UTF-8 and say so.",
    ),
    "too_large": Explanation(
        "The body is too large", "A body of JSON has at most 64 KiB, a form 256 KiB.", "Send less."
    ),
    "not_found": Explanation(
        "Not found",
        "There is no such path, account or object, or none that this caller may know of.",
        "Look at the path and at the account in it.",
    ),
    "method_not_allowed": Explanation(
        "The method is not allowed here", "The path exists, but not with this method.", "See the `Allow` header."
    ),
    "unauthenticated": Explanation(
        "Signed out",
        "The call needs a credential, and there is none, or it is unknown, expired or revoked.",
        "Sign in again. This is the only code that means signed out.",
    ),
    "invalid_credentials": Explanation(
        "The e-mail address or the password is not correct",
        "Nobody with this e-mail address and password may sign in here. The answer does not say which is wrong.",
        "Ask the user again, or offer a password link.",
    ),
    "password_access_off": Explanation(
        "Passwords are not accepted here",
        "The account does not let passwords be used at the API; requiring two-factor authentication turns it off.",
        "Use an API token, or sign in.",
    ),
    "identity_incomplete": Explanation(
        "The identity provider does not say enough",
        "Its token or answer is valid, and lacks the e-mail address or a lasting identifier of the user.",
        "Tell the account's admin: `detail` and the service's log say what is missing. The provider must send it.",
    ),
    "sign_in_expired": Explanation(
        "The sign-in has ended",
        "The sign-in token is unknown, used or older than 10 minutes, or the user was changed meanwhile.",
        "Begin again with the password.",
    ),
    "passcode_incorrect": Explanation(
        "The passcode is not correct",
        "No authenticator of the user shows this passcode now, and it is not one of the recovery codes.",
        "Ask the user again. After five wrong passcodes in a row the user must wait.",
    ),
    "passcode_already_used": Explanation(
        "The passcode was used before",
        "The passcode is right, and was accepted already: each works once.",
        "Wait `retry_after` seconds for the next passcode, or take another recovery code.",
    ),
    "step_up_required": Explanation(
        "A fresh second factor is required",
        "The call needs a second factor (the password, where there is none) proven within the last 10 minutes.",
        "Ask the user for a passcode, send it to POST /session/step-up, and repeat the call.",
    ),
    "forbidden": Explanation(
        "Not allowed", "The caller is known, and its role does not allow this.", "Ask somebody whose role does."
    ),
    "scope_missing": Explanation(
        "The API token lacks a scope",
        "The API token is valid, but was made without the scope that this call needs.",
        "Make a token with the scope.",
    ),
    "session_required": Explanation(
        "Only a session may do this",
        "API tokens and passwords never do this: it concerns a person who is present.",
        "Sign in, and call with the session's token.",
    ),
    "origin_not_allowed": Explanation(
        "A page of this origin may not call",
        "A browser asked whether a page may call (CORS), and its origin, the method or a header is not allowed.",
        "Name the page's origin in PASSGATE_CORS_ORIGINS, and send only what `detail` lists.",
    ),
    "two_factor_setup_required": Explanation(
        "Two-factor authentication must be set up first",
        "The account requires it of the caller, who has no authenticator yet. No step-up replaces it.",
        "Enroll an authenticator at `enroll_at` (a step-up by password opens it), and repeat the call.",
    ),
    "only_the_user_can_turn_off": Explanation(
        "Only the user can turn two-factor authentication off",
        "Nobody turns off another person's second factor.",
        "The user does it under /users/me/two-factor. For lost recovery codes an admin makes new ones.",
    ),
    "two_factor_required": Explanation(
        "The account requires two-factor authentication",
        "While it is required, it cannot be turned off, and passwords cannot be used at the API.",
        "Lift the requirement first, if that is what you want.",
    ),
    "already_enrolled": Explanation(
        "An authenticator is enrolled already",
        "The sign-in is not one that must enroll, or its user has enrolled meanwhile.",
        "Begin a new sign-in: it asks for a passcode.",
    ),
    "no_authenticator": Explanation(
        "There is no authenticator",
        "The call needs a confirmed authenticator, and the user has none.",
        "Enroll one first.",
    ),
    "last_authenticator": Explanation(
        "This is the last authenticator",
        "Removing it would leave the user without a second factor.",
        "Add the new one first, or turn two-factor authentication off.",
    ),
    "enrollment_expired": Explanation(
        "The enrollment has ended",
        "It is older than 10 minutes, confirmed, replaced by a newer one, or five passcodes were wrong.",
        "Begin a new enrollment.",
    ),
    "link_expired": Explanation(
        "The link has ended", "The link was used, replaced, or has expired.", "Ask for a new one."
    ),
    "report_not_ready": Explanation(
        "The report is not ready",
        "It is still being written, or failed.",
        "Ask again after `Retry-After`. Without that header it never will be ready: ask for another.",
    ),
    "conflict": Explanation(
        "The state does not allow this",
        "The object is in a state in which this cannot be done; `detail` says which.",
        "Read the object again, and decide.",
    ),
    "request_in_progress": Explanation(
        "The same request is being answered",
        "A request with this `Idempotency-Key` has come in before, and is not answered yet.",
        "Send it again in a moment, with the same key.",
    ),
    "idempotency_key_reused": Explanation(
        "The Idempotency-Key belongs to another request",
        "In the last 10 minutes the same caller sent this `Idempotency-Key` with another path or body.",
        "Make a new key for each new request; keep it only to send the very same request again.",
    ),
    "answer_gone": Explanation(
        "The answer was read back already",
        "The request was done. Its stored answer was read back once, and then deleted.",
        "Look at the state of things. For secrets that nobody has seen, ask for new ones with a new key.",
    ),
    "precondition_failed": Explanation(
        "Changed meanwhile", "The object is no longer the one that `If-Match` names.", "Read it again, and decide."
    ),
    "too_many_attempts": Explanation(
        "Too many passcodes were wrong",
        "After five wrong passcodes in a row there is a wait before every further one, longer each time. "
        "Sign-ins and step-ups are counted separately.",
        "Wait as long as `Retry-After` says. An earlier attempt is refused, right or wrong, and not counted.",
    ),
    "too_many_requests": Explanation(
        "Too many requests",
        "A limit was reached; `violated-policies` and the header `RateLimit` name it.",
        "Wait as long as `Retry-After` says.",
    ),
    "unavailable": Explanation(
        "Not available at the moment",
        "The service or its database cannot answer now. Nothing was done.",
        "Try again after `Retry-After`.",
    ),
    "internal_error": Explanation(
        "Something went wrong here",
        "The service has a fault. Its log has the details under the request id.",
        "Tell the operators the `X-Request-ID`.",
    ),
}


@router.get("/problems/{code}", operation_id="explainProblem", response_class=HTMLResponse)
async def explain_problem(code: str) -> HTMLResponse:
    """Explain what a problem code means, and what to do."""
    found = EXPLANATIONS.get(code)
    if found is None:
        raise NotFound("There is no such problem code.")
    title, happened, remedy = (html.escape(text) for text in (found.title, found.happened, found.remedy))
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>'
        f"<p><code>{html.escape(code)}</code></p><p>{happened}</p><p>{remedy}</p></html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})
