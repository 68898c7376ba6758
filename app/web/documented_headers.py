"""Response headers in the OpenAPI document: of every answer, of problems, and of single operations."""

from typing import Any


def _headers(**described: str) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
        for name, text in described.items()
    }


_ALWAYS = _headers(
    X_Request_ID="The id that was sent, or a new one. The service's log has the same id.",
    X_Content_Type_Options="Always `nosniff`.",
    Referrer_Policy="Always `no-referrer`.",
    Strict_Transport_Security="Where the service is reached by https.",
    Vary="`Origin`, where pages of other origins may call.",
)
_NO_STORE = _headers(
    Cache_Control="`no-store`: neither the browser nor a proxy keeps the answer. Not on problems at the root."
)
_DEPRECATION = _headers(
    Deprecation="Where the credential was a password: since when that is deprecated (RFC 9745)."
)
_TEST_ACCOUNT = _headers(Passgate_Test_Account="`true`, if the account is a test account; else absent.")
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Whole seconds until trying again makes sense, where the code has them.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
_OF_STATUS = {
    401: _headers(WWW_Authenticate="Which credential is asked for (RFC 6750), or a step-up (RFC 9470)."),
    405: _headers(Allow="The methods that the path has."),
    429: _headers(
        RateLimit='The limits that were reached, like `"address";r=0;t=30`: try again in `t` seconds.',
        RateLimit_Policy='These limits, like `"address";q=100;w=600`: at most `q` in `w` seconds.',
    ),
}

_FILE_NAME = _headers(Content_Disposition="The name of the file.")
_LOCATION = _headers(Location="The path of the new object.")
_ETAG = _headers(ETag="The version, for use in `If-Match`.")
_POLICY = _headers(Content_Security_Policy="What the page may load: only resources of this service.")
_FILE = _headers(ETag="The file's version.", Last_Modified="When the file changed.", Accept_Ranges="`bytes`.")
_DEVICE_COOKIE = _headers(Set_Cookie="The device cookie, if the device is trusted by cookie.")
_NO_DEVICE_COOKIE = _headers(Set_Cookie="Deletes the device cookie, if the browser sent it.")
_LOGIN = _headers(Location="Where the browser continues.", Set_Cookie="Binds the login to this browser.")
_OF_OPERATION = {
    "beginLogin": _LOGIN,
    "finishLogin": _LOGIN,
    "finishSamlLogin": _LOGIN,
    "exchangeCode": _headers(Set_Cookie="Deletes the cookie of the exchange, if the browser sent it."),
    "explainProblem": _POLICY,
    "getLinkPage": _POLICY,
    "getLinkPageAsset": _FILE,
    "getPublicKeys": _headers(Cache_Control="How long the keys may be cached."),
    "inviteUser": _LOCATION,
    "makeServiceAccount": _LOCATION,
    "requestReport": _LOCATION | _RETRY_AFTER,
    "getSecurityPolicy": _ETAG,
    "changeSecurityPolicy": _ETAG,
    "submitPasscode": _DEVICE_COOKIE,
    "confirmEnrollmentAtSignIn": _DEVICE_COOKIE,
    "confirmMyEnrollment": _DEVICE_COOKIE,
    "revokeMyTrustedDevice": _NO_DEVICE_COOKIE,
    "revokeMyTrustedDevices": _NO_DEVICE_COOKIE,
    "authorize": _headers(
        Passgate_User_Id="The id of the user whose credential it is.",
        Passgate_User_Email="The user's address; `%` and everything but printable ASCII are percent-encoded.",
        Passgate_User_Role="`owner`, `admin`, `agent` or `end_user`.",
        Passgate_Credential="`session`, `api_token` or `password`.",
        Passgate_Assurance="`aal1` or `aal2`.",
    ),
    "downloadReport": _FILE_NAME,
    "downloadReportByLink": _FILE_NAME,
}


COMPONENTS = _ALWAYS | _NO_STORE | _DEPRECATION | _TEST_ACCOUNT
"""The headers that many answers have: described once in the document and referenced."""


def headers_of(operation_id: str, *, cacheable: bool, by_password: bool, in_account: bool) -> dict[str, Any]:
    """Return the headers of an operation's success.

    `cacheable`: the path's answers may be cached. `by_password`: the operation accepts a password as credential.
    `in_account`: the path is under an account.
    """
    shared = _ALWAYS | ({} if cacheable else _NO_STORE) | (_DEPRECATION if by_password else {})
    shared |= _TEST_ACCOUNT if in_account else {}
    return _references(shared) | _OF_OPERATION.get(operation_id, {})


def problem_headers(status: int, *, retried: bool) -> dict[str, Any]:
    """Return the headers of a problem; `retried`: one of its codes says when to try again."""
    shared = _references(_ALWAYS | _NO_STORE | _DEPRECATION | _TEST_ACCOUNT)
    return shared | _OF_STATUS.get(status, {}) | (_RETRY_AFTER if retried else {})


def _references(headers: dict[str, Any]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
