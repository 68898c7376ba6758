"""HTTP for the account's security policy."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic.config import JsonDict

from app.accounts import rules
from app.administration.security_policy import use_cases
from app.administration.security_policy.schemas import (
    AllowedKinds,
    PolicyChange,
    PolicyPreview,
    Requirement,
    SecurityPolicy,
)
from app.authentication.allow import AdminReader, FreshAdmin, Policy, PolicyReader
from app.authentication.routes import AccountRoute
from app.core.errors import invalid_field
from app.web.dependencies import AppServices
from app.web.problems import problems

router = APIRouter(tags=["security policy"], route_class=AccountRoute)

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110, section 8.8.3
_IF_MATCH = re.compile(rf"[ \t]*{_ENTITY_TAG.pattern}(?:[ \t]*,[ \t]*{_ENTITY_TAG.pattern})*[ \t]*")
_DOCUMENTED_IF_MATCH: JsonDict = {"pattern": '^(\\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'}
_ETAG = re.compile(r'"([1-9][0-9]{0,17})"')  # only as we write it: "01" is a different tag


@router.get("/security-policy", operation_id="getSecurityPolicy")
async def get_security_policy(caller: PolicyReader, policy: Policy, response: Response) -> SecurityPolicy:  # noqa: ARG001 -- declaring the caller checks the permission
    """Show the account's security policy, with an ETag for `If-Match`."""
    return _show(policy, response)


@router.patch(
    "/security-policy", operation_id="changeSecurityPolicy", responses=problems("two_factor_required", 412)
)
async def change_security_policy(
    services: AppServices,
    caller: FreshAdmin,
    response: Response,
    body: PolicyChange,
    if_match: Annotated[str | None, Header(max_length=1024, json_schema_extra=_DOCUMENTED_IF_MATCH)] = None,
) -> SecurityPolicy:
    """Change the policy. Needs a fresh second factor.

    A new requirement takes effect at each user's next sign-in.
    """
    async with services.database.begin() as tx:
        changed = await use_cases.change_policy(
            tx,
            caller,
            _changes(body),
            if_versions=_versions(if_match),
            end_sessions=body.end_sessions,
        )
    return _show(changed, response)


@router.get("/security-policy/preview", operation_id="previewSecurityPolicy")
async def preview_security_policy(
    services: AppServices,
    caller: AdminReader,
    policy: Policy,
    team_members: Annotated[bool, Query()] = False,  # noqa: FBT002 -- a query parameter
    end_users: Annotated[bool, Query()] = False,  # noqa: FBT002 -- a query parameter
) -> PolicyPreview:
    """Show how many users a requirement would affect."""
    async with services.database.read() as tx:
        preview = await use_cases.preview_requirement(
            tx, caller, policy, team_members=team_members, end_users=end_users
        )
    return PolicyPreview.model_validate(preview)


def _show(policy: rules.SecurityPolicy, response: Response) -> SecurityPolicy:
    response.headers["ETag"] = f'"{policy.version}"'
    return SecurityPolicy(
        require_two_factor=Requirement(
            team_members=policy.require_team_members, end_users=policy.require_end_users
        ),
        api_password_access=policy.api_password_access,
        trusted_device_days=policy.trusted_device_days,
        allowed_kinds=AllowedKinds(
            team_members=list(policy.team_member_kinds), end_users=list(policy.end_user_kinds)
        ),
        updated_at=policy.updated_at,
    )


def _changes(body: PolicyChange) -> dict[str, Any]:
    """Return the fields of `SecurityPolicy` that the body sets, nested ones merged (RFC 7396)."""
    given = body.model_dump(exclude_unset=True, exclude={"end_sessions"})
    required = given.pop("require_two_factor", {})
    kinds = given.pop("allowed_kinds", {})
    named = {f"require_{group}": value for group, value in required.items()}
    named |= {f"{group.removesuffix('s')}_kinds": tuple(dict.fromkeys(value)) for group, value in kinds.items()}
    return given | named


def _versions(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that `If-Match` accepts; None for any version.

    A weak tag, or one that we did not write, matches nothing. Raises `InvalidRequest` for a malformed header.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if not _IF_MATCH.fullmatch(if_match):
        detail = 'Send the ETag as it was received, in its quotation marks: If-Match: "3".'
        raise invalid_field("/If-Match", "malformed", detail)
    found = (_ETAG.fullmatch(tag) for tag in _ENTITY_TAG.findall(if_match))
    return frozenset(int(tag[1]) for tag in found if tag)
