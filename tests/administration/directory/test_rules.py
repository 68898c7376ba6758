"""Who may do what to whom, and what the audit log keeps of it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.accounts.users.rules import User
from app.administration.directory import rules
from app.core.callers import Caller, Credential, RequestContext, Role
from app.core.errors import Conflict
from app.core.ids import NIL_ID

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ME, OTHER = UUID(int=1), UUID(int=2)


def caller(role: Role, credential: Credential = Credential.SESSION) -> Caller:
    return Caller(
        context=RequestContext(UUID(int=9), NOW, "127.0.0.1", "", ""),
        credential=credential,
        user_id=ME,
        session_id=NIL_ID,
        email="me@example.com",
        role=role,
        has_authenticator=False,
        required_by_account=False,
    )


def user(role: Role, id_: UUID = OTHER) -> User:
    return User(id_, "x@example.com", "Anna", role, "active", None, "en", NOW, None)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
@pytest.mark.parametrize("target", list(Role))
def test_a_session_acts_on_everybody_except_another_owner(role: Role, target: Role) -> None:
    refusal = rules.refuse_to_act_on(caller(role), user(target))

    assert (refusal is not None) == (target is Role.OWNER)


def test_the_owner_acts_on_themselves() -> None:
    assert rules.refuse_to_act_on(caller(Role.OWNER), user(Role.OWNER, ME)) is None


@pytest.mark.parametrize("target", list(Role))
def test_a_token_acts_on_agents_and_end_users_only(target: Role) -> None:
    script = caller(Role.OWNER, Credential.API_TOKEN)

    for id_ in (ME, OTHER):
        refusal = rules.refuse_to_act_on(script, user(target, id_))
        assert (refusal is not None) == (target in {Role.OWNER, Role.ADMIN})
    assert (rules.refuse_to_create(script, target) is not None) == (target in {Role.OWNER, Role.ADMIN})
    refusal = rules.refuse_to_change(script, user(Role.AGENT), {"role": target})
    assert (refusal is not None) == (target in {Role.OWNER, Role.ADMIN})


@pytest.mark.parametrize("old", list(Role))
@pytest.mark.parametrize("new", list(Role))
def test_no_change_gives_or_takes_ownership(old: Role, new: Role) -> None:
    target = user(old)
    if old is not new and Role.OWNER in {old, new}:
        with pytest.raises(Conflict):
            rules.changed_user(caller(Role.OWNER), target, {"role": new})
    else:
        assert rules.changed_user(caller(Role.OWNER), target, {"role": new}) == replace(target, role=new)


def test_the_address_is_not_changed_with_the_other_fields() -> None:
    target = user(Role.AGENT)

    assert rules.changed_user(caller(Role.OWNER), target, {"email": "new@example.com"}) == target


@pytest.mark.parametrize(("role", "status"), [("admin", "suspended"), ("agent", "active"), ("owner", "active")])
def test_only_an_active_admin_can_become_owner(role: str, status: str) -> None:
    with pytest.raises(Conflict):
        rules.check_new_owner(replace(user(Role(role)), status=status))


def test_only_role_and_status_are_recorded_with_their_values() -> None:
    old = user(Role.AGENT)
    new = replace(old, name="Berta", external_id="crm-1", status="suspended")

    assert rules.audit_details(old, new, asked_email=True) == {
        "fields": ["name", "status", "external_id"],
        "old": {"status": "active"},
        "new": {"status": "suspended"},
        "to_be_confirmed": ["email"],
    }
    assert rules.audit_details(old, replace(old, name="Berta"), asked_email=False) == {"fields": ["name"]}
