"""Permissions for changes of users, and the result of a change."""

from dataclasses import replace
from typing import Any

from app.accounts.users.rules import ACTIVE, SERVICE_ROLES, User
from app.core.callers import ADMINS, Caller, Credential, Role
from app.core.errors import Conflict, Forbidden, Refusal

EMAIL = "email"
"""The field whose change takes effect later, when the new address is confirmed."""
TEST_PASSCODE = "test_passcode"


def refuse_to_create(caller: Caller, role: Role) -> Refusal | None:
    """Return the refusal if the caller may not create a user with this role, else None."""
    if caller.credential is Credential.API_TOKEN and role in ADMINS:
        return Forbidden("An API token cannot create an owner or an admin.")
    return None


def check_new_role(role: Role) -> None:
    """Raise `Conflict` for the owner role, because every account already has an owner."""
    if role is Role.OWNER:
        raise Conflict("An account has one owner. Use POST /ownership to hand it over.")


def refuse_to_act_on(caller: Caller, user: User) -> Refusal | None:
    """Return the refusal if the caller may not act on the user, else None.

    Compares ids, not the caller's role: the caller may have handed over ownership since the request came in.
    """
    if user.role is Role.OWNER and user.id != caller.user_id:
        return Forbidden("Only the owner may do this for the owner.")
    if caller.credential is Credential.API_TOKEN and user.role in ADMINS:
        return Forbidden("An API token cannot act on the owner or an admin.")
    if caller.credential is Credential.API_TOKEN and user.is_service:
        return Forbidden("An API token cannot act on a service account.")
    return None


def refuse_to_change(caller: Caller, user: User, changes: dict[str, Any]) -> Refusal | None:
    """Return the refusal if the caller may not make these changes to the user, else None."""
    if caller.credential is Credential.API_TOKEN:
        if EMAIL in changes:
            return Forbidden("An API token cannot change an e-mail address.")
        if TEST_PASSCODE in changes:
            return Forbidden("An API token cannot change who has the test passcode.")
        if changes.get("role") in ADMINS:
            return Forbidden("An API token cannot make a user an owner or an admin.")
    return refuse_to_act_on(caller, user)


def changed_user(caller: Caller, user: User, changes: dict[str, Any]) -> User:
    """Return the user with `changes`, but with the old e-mail address.

    Raises `Conflict` for a change from or to the owner role, which only `POST /ownership` makes, if the caller
    would change their own role or suspend themself, for the test passcode outside test accounts, and for what a
    service account cannot have.
    """
    if changes.get(TEST_PASSCODE) and not caller.context.in_test_account:
        raise Conflict("Only users of a test account have the test passcode.")
    if user.is_service:
        _check_service_changes(changes)
    changed = replace(user, **{name: value for name, value in changes.items() if name != EMAIL})
    if changed.role is not user.role and Role.OWNER in (changed.role, user.role):
        raise Conflict("Only POST /ownership changes who is the owner.")
    if user.id == caller.user_id and (changed.role is not user.role or changed.status != ACTIVE):
        raise Conflict("You cannot change your own role or suspend yourself.")
    return changed


def _check_service_changes(changes: dict[str, Any]) -> None:
    if changes.get("role", Role.AGENT) not in SERVICE_ROLES:
        raise Conflict("A service account is an admin or an agent.")
    if EMAIL in changes or changes.get("external_id") is not None or changes.get(TEST_PASSCODE):
        raise Conflict("A service account has no e-mail address, external id or test passcode of its own.")


ROLE_CHANGED = "the role was changed"


def reason_to_end_access(old: User, new: User) -> str | None:
    """Return the reason to end the user's access, else None.

    That is a change of role or status, or the end of the test passcode.
    """
    if new.status != old.status:
        return "the user was suspended" if new.status != ACTIVE else "the suspension was undone"
    if new.role is not old.role:
        return ROLE_CHANGED
    return "the test passcode was taken away" if old.test_passcode and not new.test_passcode else None


def check_deletable(caller: Caller, user: User) -> None:
    """Raise `Conflict` if the caller would delete themself."""
    if user.id == caller.user_id:
        raise Conflict("You cannot delete yourself. An owner hands the account over first.")


def check_new_owner(user: User) -> None:
    """Raise `Conflict` when the user cannot become the owner."""
    if user.role is not Role.ADMIN or not user.may_sign_in:
        raise Conflict("Only an active admin who is a person can become the owner.")


def audit_details(old: User, new: User, *, asked_email: bool) -> dict[str, Any]:
    """Return the details of a change for the audit log.

    They name the changed fields, and give old and new values of role, status and test passcode only, as the others
    are personal data.
    """
    fields = [
        name
        for name in ("name", "role", "status", "external_id", TEST_PASSCODE)
        if getattr(old, name) != getattr(new, name)
    ]
    kept = [name for name in ("role", "status", TEST_PASSCODE) if name in fields]
    details: dict[str, Any] = {"fields": fields}
    if kept:
        details["old"] = {name: getattr(old, name) for name in kept}
        details["new"] = {name: getattr(new, name) for name in kept}
    if asked_email:
        details["to_be_confirmed"] = [EMAIL]
    return details
