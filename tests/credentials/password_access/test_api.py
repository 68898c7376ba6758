"""Calling the API with a password: where it still works, and the blind answers where it does not."""

from app.core.callers import Role
from tests.support.arrange import PASSWORD, Person, Place
from tests.support.client import Client, ok, refused
from tests.support.credentials import basic


async def let_in(owner: Person) -> None:
    ok(await owner.browser.patch("/security-policy", json={"api_password_access": True}))


def calling(place: Place, email: str, password: str = PASSWORD) -> Client:
    client = place.browser()
    client.http.headers["Authorization"] = basic(email, password)
    return client


async def test_while_it_is_off_a_right_and_a_wrong_password_get_the_same(place: Place, owner: Person) -> None:
    right = await calling(place, owner.user.email).get("/authorize")
    wrong = await calling(place, owner.user.email, "wrong").get("/authorize")
    nobody = await calling(place, "nobody@example.com", "wrong").get("/authorize")

    assert refused(right, 401, "password_access_off") == refused(wrong, 401, "password_access_off")
    assert wrong.json() == nobody.json()


async def test_while_it_is_on_a_password_reads_and_authorizes(place: Place, owner: Person) -> None:
    await let_in(owner)
    client = calling(place, owner.user.email)

    answer = await client.get("/authorize")

    assert answer.status_code == 204
    assert answer.headers["passgate-credential"] == "password"
    assert answer.headers["deprecation"].startswith("@")
    ok(await client.get("/security-policy"))
    ok(await client.get("/users"))


async def test_a_password_changes_nothing(place: Place, owner: Person) -> None:
    await let_in(owner)
    client = calling(place, owner.user.email)

    refused(await client.patch("/security-policy", json={}), 403, "session_required")
    refused(
        await client.post("/api-tokens", json={"description": "x", "scopes": ["api"]}), 403, "session_required"
    )
    refused(await client.delete("/session"), 403, "session_required")
    refused(await client.get("/session"), 403, "session_required")


async def test_a_role_reads_what_it_may(place: Place, owner: Person) -> None:
    await let_in(owner)
    end_user = await place.person(Role.END_USER)
    client = calling(place, end_user.user.email)

    assert (await client.get("/authorize")).status_code == 204
    refused(await client.get("/security-policy"), 403, "forbidden")


async def test_a_user_with_two_factor_on_gets_the_answer_of_a_wrong_password(place: Place, owner: Person) -> None:
    await let_in(owner)
    person = await place.enrolled()

    right = await calling(place, person.user.email).get("/authorize")
    wrong = await calling(place, person.user.email, "wrong").get("/authorize")

    assert refused(right, 401, "invalid_credentials") == refused(wrong, 401, "invalid_credentials")
    assert right.headers.keys() == wrong.headers.keys()


async def test_suspended_unknown_and_wrong_are_one_answer(place: Place, owner: Person) -> None:
    await let_in(owner)
    suspended = await place.person(status="suspended")
    without = await place.person(password=None)
    active = await place.person()

    answers = [
        (await calling(place, suspended.user.email).get("/authorize")).json(),
        (await calling(place, without.user.email).get("/authorize")).json(),
        (await calling(place, "nobody@example.com").get("/authorize")).json(),
        (await calling(place, active.user.email, "wrong").get("/authorize")).json(),
    ]

    assert answers == [answers[0]] * 4
    assert answers[0]["code"] == "invalid_credentials"


async def test_any_requirement_turns_it_off_for_everybody_at_once(place: Place, owner: Person) -> None:
    await let_in(owner)
    agent = await place.person()
    client = calling(place, agent.user.email)
    assert (await client.get("/authorize")).status_code == 204

    await place.require(owner, end_users=True)

    refused(await client.get("/authorize"), 401, "password_access_off")


async def test_failures_count_in_the_password_limits(place: Place, owner: Person) -> None:
    await let_in(owner)
    person = await place.person()
    for _ in range(10):
        wrong = calling(place, person.user.email, "wrong")
        refused(await wrong.get("/authorize"), 401, "invalid_credentials")

    assert "retry-after" in (await calling(place, person.user.email).get("/authorize")).headers
    answer = await place.browser().post("/sign-ins", json={"email": person.user.email, "password": PASSWORD})
    refused(answer, 429, "too_many_requests")


async def test_what_is_no_basic_authentication_is_unauthenticated(place: Place, owner: Person) -> None:
    await let_in(owner)
    browser = place.browser()
    for given in ("Basic", "Basic !!!", "Basic " + "QQ==", "Basic 4pyT", "Negotiate abc", "Basic\t"):
        refused(await browser.get("/authorize", headers={"Authorization": given}), 401, "unauthenticated")
