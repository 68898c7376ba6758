"""New passwords are checked against the operator's breach list, if set; sign-ins are not."""

from pathlib import Path

import pytest

from app.accounts.users.use_cases import NewUser
from app.commands import provision
from app.commands.check import check_everything
from app.core.callers import Role
from app.core.errors import InvalidRequest
from app.core.settings import SettingsError
from app.crypto.breached_passwords import BreachedPasswords
from app.services import make_services
from tests.crypto.test_breached_passwords import MANY, write
from tests.support.account.arrange import PASSWORD, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.passwords import send
from tests.support.account.variants import variant
from tests.support.observe.mailbox import empty_mailbox

BREACHED = "a password that leaked"
PATH = "/users/me/password"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list"


def write_or_delete(path: Path, content: bytes | None) -> None:
    """Write the content to the file, or delete the file if it is None."""
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.fixture
def guarded(tenant: Tenant, path: Path) -> Tenant:
    return variant(tenant, breached_passwords=write(path, [*MANY, BREACHED, PASSWORD]))


async def test_a_breached_password_is_not_chosen(guarded: Tenant) -> None:
    person = await guarded.signed_in()
    body = {"current_password": PASSWORD, "new_password": BREACHED}

    problem = refused(await person.browser.put(PATH, json=body), 422, "invalid_request")

    [error] = problem["errors"]
    assert (error["pointer"], error["code"]) == ("/new_password", "breached")
    assert "breach" in error["detail"]
    assert BREACHED not in str(problem)
    ok(await person.browser.put(PATH, json=body | {"new_password": "one that did not leak"}), 204)


async def test_a_breached_password_is_not_set_by_a_link(guarded: Tenant) -> None:
    person = await guarded.person()
    mailbox = await empty_mailbox(guarded)
    ok(await guarded.browser().post("/password-links", json={"email": person.user.email}), 202)
    token = await mailbox.token(person.user.email)
    body = {"token": token, "new_password": BREACHED}

    problem = refused(
        await guarded.browser().post("/password-links/redemption", json=body), 422, "invalid_request"
    )

    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/new_password", "breached")]
    body["new_password"] = "one that did not leak"
    ok(await guarded.browser().post("/password-links/redemption", json=body), 204)


async def test_a_breached_password_is_not_set_on_the_command_line(guarded: Tenant) -> None:
    new = NewUser("somebody@example.com", "Somebody", Role.AGENT)

    with pytest.raises(InvalidRequest) as caught:
        await provision.add_user(guarded.services, guarded.account.slug, new, BREACHED)
    assert [error.code for error in caught.value.errors] == ["breached"]


async def test_a_password_that_leaks_later_still_signs_in_with_the_list_or_without_it(
    guarded: Tenant, path: Path
) -> None:
    person = await guarded.person()
    ok(await send(guarded.browser(), person.user.email), 201)
    write_or_delete(path, None)

    ok(await send(guarded.browser(), person.user.email), 201)


async def test_while_the_list_is_unusable_no_new_password_is_accepted(guarded: Tenant, path: Path) -> None:
    person = await guarded.signed_in()
    body = {"current_password": PASSWORD, "new_password": "one that did not leak"}
    for broken in (b"", b"mArKeR" * 1000, None):
        write_or_delete(path, broken)
        response = await person.browser.put(PATH, json=body)
        refused(response, 503, "unavailable")
        assert "mArKeR" not in response.text
    write(path, MANY)

    ok(await person.browser.put(PATH, json=body), 204)


async def test_the_list_can_be_replaced_while_the_service_runs(
    guarded: Tenant, path: Path, tmp_path: Path
) -> None:
    person = await guarded.signed_in()
    write(tmp_path / "newer", ["one that did not leak"])
    (tmp_path / "newer").rename(path)
    body = {"current_password": PASSWORD, "new_password": "one that did not leak"}

    refused(await person.browser.put(PATH, json=body), 422, "invalid_request")


def test_an_unusable_list_stops_the_start(tenant: Tenant, path: Path) -> None:
    for content in (None, "mArKeR"):
        if content:
            path.write_text(content)
        settings = tenant.services.settings.model_copy(update={"breached_passwords": path})
        with pytest.raises(SettingsError, match="PASSGATE_BREACHED_PASSWORDS: ") as caught:
            make_services(settings)
        assert "mArKeR" not in str(caught.value)
        assert str(path) not in str(caught.value)


async def test_check_reports_whether_the_list_is_usable(guarded: Tenant, path: Path) -> None:
    for well, content in ((True, None), (False, b"mArKeR")):
        if content:
            write_or_delete(path, content)
        findings = await check_everything(guarded.services)
        [found] = [finding for finding in findings if finding.subject == "breached passwords"]
        assert found.well is well
        assert "mArKeR" not in found.says
    assert isinstance(guarded.services.breached_passwords, BreachedPasswords)
