"""Who may do what to whom in the directory, and what a change makes of a user."""

from dataclasses import replace
from typing import Any

from app.accounts.users.rules import ACTIVE, User
from app.core.callers import ADMINS, Caller, Credential, Role
from app.core.errors import Conflict, Forbidden, Refusal

EMAIL = "email"
"""The one field that changes later: when the new address was confirmed."""


def refuse_to_make(caller: Caller, role: Role) -> Refusal | None:
    """Return why the caller may not make a user of this role; None when they may."""
    if caller.credential is Credential.API_TOKEN and role in ADMINS:
        return Forbidden("An API token makes no owner and no admin.")
    return None


def check_made_role(role: Role) -> None:
    """Raise `Conflict` for a second owner."""
    if role is Role.OWNER:
        raise Conflict("An account has one owner; POST /ownership hands it over.")


def refuse_to_act_on(caller: Caller, user: User) -> Refusal | None:
    """Return why the caller may not act on the user; None when they may.

    The owner is known by id, not by the caller's role: that may have been handed over since the request came in.
    """
    if user.role is Role.OWNER and user.id != caller.user_id:
        return Forbidden("Only the owner may do this for the owner.")
    if caller.credential is Credential.API_TOKEN and user.role in ADMINS:
        return Forbidden("An API token does not act on the owner or an admin.")
    return None


def refuse_to_change(caller: Caller, user: User, changes: dict[str, Any]) -> Refusal | None:
    """Return why the caller may not change the user like this; None when they may."""
    if caller.credential is Credential.API_TOKEN:
        if EMAIL in changes:
            return Forbidden("An API token does not set an e-mail address.")
        if changes.get("role") in ADMINS:
            return Forbidden("An API token makes no owner and no admin.")
    return refuse_to_act_on(caller, user)


def changed_user(caller: Caller, user: User, changes: dict[str, Any]) -> User:
    """Return the user with `changes`, the e-mail address as it was.

    Raises `Conflict` for ownership, which is handed over otherwise, and when the caller would lose their own
    access.
    """
    changed = replace(user, **{name: value for name, value in changes.items() if name != EMAIL})
    if changed.role is not user.role and Role.OWNER in (changed.role, user.role):
        raise Conflict("POST /ownership hands the account over.")
    if user.id == caller.user_id and (changed.role is not user.role or changed.status != ACTIVE):
        raise Conflict("Nobody changes their own role or suspends themself.")
    return changed


ROLE_CHANGED = "the role was changed"


def ends_access(old: User, new: User) -> str | None:
    """Return why a change ends all that the user had until now; None when it does not."""
    if new.status != old.status:
        return "the user was suspended" if new.status != ACTIVE else "the suspension was undone"
    return ROLE_CHANGED if new.role is not old.role else None


def check_deletable(caller: Caller, user: User) -> None:
    """Raise `Conflict` for the owner and for oneself."""
    if user.id == caller.user_id:
        raise Conflict("Nobody deletes themself; the owner hands the account over first.")


def check_heir(user: User) -> None:
    """Raise `Conflict` when the user cannot become the owner."""
    if user.role is not Role.ADMIN or user.status != ACTIVE:
        raise Conflict("Only an active admin can become the owner.")


def recorded_change(old: User, new: User, *, asked_email: bool) -> dict[str, Any]:
    """Return what the audit log keeps of a change: which fields, and those values that are no personal data."""
    fields = [
        name for name in ("name", "role", "status", "external_id") if getattr(old, name) != getattr(new, name)
    ]
    kept = [name for name in ("role", "status") if name in fields]
    details: dict[str, Any] = {"fields": fields}
    if kept:
        details["old"] = {name: str(getattr(old, name)) for name in kept}
        details["new"] = {name: str(getattr(new, name)) for name in kept}
    if asked_email:
        details["to_be_confirmed"] = [EMAIL]
    return details
