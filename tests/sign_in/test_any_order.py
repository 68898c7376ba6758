"""Whatever admins and users do, in any order: a right password gets the answer of contract section 4's table.

Hypothesis draws the acts; a model of a dozen lines says what the service must answer after each of them.
"""

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.callers import Role
from tests.support.arrange import Person, Place, make_place
from tests.support.bridge import Bridge, beside
from tests.support.client import Client, ok, refused
from tests.support.credentials import by_token
from tests.support.enrolling import begin
from tests.support.expected import Expected
from tests.support.sign_ins import credentials, enroll_on_demand

T = TypeVar("T")

GROUPS = {Role.AGENT: "team_members", Role.END_USER: "end_users"}
BOUNDED = settings(
    max_examples=6,
    stateful_step_count=20,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

roles = st.sampled_from(list(GROUPS))


class AnyOrder(RuleBasedStateMachine):
    """An account with an owner, an agent and an end user, each at a browser of their own."""

    def __init__(self, bridge: Bridge, place: Place) -> None:
        super().__init__()
        self._bridge = bridge
        self._pattern = place

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._bridge.run(work)

    @initialize(days=st.sampled_from([7, 30]), enrolled=st.sampled_from([{Role.AGENT}, set(GROUPS)]))
    def arrive(self, days: int, enrolled: set[Role]) -> None:
        self.run(self._arrive(days, enrolled))

    async def _arrive(self, days: int, enrolled: set[Role]) -> None:
        self.place = await make_place(self._pattern.app, self._pattern.services, self._pattern.clock)
        self.owner = await self.place.enrolled(Role.OWNER)
        self.script = await by_token(self.place, self.owner, "users:read")
        self.people = {role: await self.place.person(role) for role in GROUPS}
        self.expected = {role: Expected() for role in GROUPS}
        self.required = dict.fromkeys(GROUPS, False)
        await self._trust_for(days)
        for role in sorted(enrolled):
            await self._enroll(role)
            await self._sign_in(role, remember=True, code=False)

    # What the model says.

    def is_trusted(self, role: Role) -> bool:
        expected = self.expected[role]
        days = timedelta(days=min(expected.trusted_days, self.days))
        return expected.trusted_at is not None and self.place.clock.now() < expected.trusted_at + days

    def expected_answer(self, role: Role, *, own_browser: bool) -> str:
        trusted = own_browser and self.is_trusted(role)
        return self.expected[role].answer(required=self.required[role], trusted=trusted)

    # What an admin does.

    async def _by_owner(self) -> Client:
        self.owner.browser = self.place.browser()
        await self.place.pass_passcode(self.owner, remember_device=False)
        return self.owner.browser

    async def _change_policy(self, change: dict[str, Any]) -> None:
        ok(await (await self._by_owner()).patch("/security-policy", json=change))

    @rule(role=roles, required=st.booleans())
    def require(self, role: Role, required: bool) -> None:  # noqa: FBT001 -- drawn
        # The owner, who is of the team, has an authenticator and is asked anyway.
        self.run(self._change_policy({"require_two_factor": {GROUPS[role]: required}}))
        self.required[role] = required

    @rule(days=st.sampled_from([0, 7, 30]))
    def trust_for(self, days: int) -> None:
        self.run(self._trust_for(days))

    async def _trust_for(self, days: int) -> None:
        await self._change_policy({"trusted_device_days": days})
        self.days = days

    @rule(role=roles, active=st.booleans())
    def suspend_or_not(self, role: Role, active: bool) -> None:  # noqa: FBT001 -- drawn
        self.run(self._set_status(role, "active" if active else "suspended"))
        self.expected[role].active = active
        if not active:
            self.expected[role].trusted_at = None

    async def _set_status(self, role: Role, status: str) -> None:
        path = f"/users/{self.people[role].id}"
        ok(await (await self._by_owner()).patch(path, json={"status": status}))

    @rule(role=roles)
    def regenerate_codes(self, role: Role) -> None:
        self.run(self._regenerate_codes(role))

    async def _regenerate_codes(self, role: Role) -> None:
        path = f"/users/{self.people[role].id}/two-factor/recovery-codes"
        answer = await (await self._by_owner()).post(path, json={"reason": "lost"})
        if not self.expected[role].enrolled:
            refused(answer, 409, "no_authenticator")
            return
        self.people[role].recovery_codes = ok(answer, 201)["recovery_codes"]
        self.expected[role].trusted_at = None

    # What a user does.

    @rule(role=roles, remember=st.booleans(), code=st.booleans())
    def sign_in(self, role: Role, remember: bool, code: bool) -> None:  # noqa: FBT001 -- drawn
        if self.expected[role].active:
            self.run(self._sign_in(role, remember=remember, code=code))

    async def _sign_in(self, role: Role, *, remember: bool, code: bool) -> None:
        """Sign in at the own browser, doing what is asked: enroll, or pass a passcode or a recovery code."""
        person, expected = self.people[role], self.expected[role]
        asked = self.expected_answer(role, own_browser=True)
        if asked == "complete":
            assert (await self.place.sign_in(person))["status"] == "complete"
        elif asked == "enrollment_required":
            await enroll_on_demand(self.place, person, remember_device=remember)
            expected.enrolled, expected.trusted_at = True, None
            if remember:
                expected.trust(self.place.clock.now() - timedelta(seconds=30), self.days)
        elif code and person.recovery_codes:
            used = person.recovery_codes.pop()
            await self.place.pass_passcode(person, passcode=used, remember_device=remember)
            expected.trusted_at = None
        else:
            answer = await self.place.pass_passcode(person, remember_device=remember)
            if remember:
                expected.trust(self.place.clock.now(), self.days)
            trusted = remember and self.days > 0 and not expected.at_every_sign_in
            assert (answer["trusted_device"] is not None) == trusted

    async def _fresh(self, role: Role) -> Person | None:
        """Return the user in a fresh session of another browser, or None if the door is closed to them."""
        person = self.people[role]
        asked = self.expected_answer(role, own_browser=False)
        if not self.expected[role].active or asked == "enrollment_required":
            return None
        elsewhere = Person(person.user, self.place.browser(), person.app)
        if asked == "passcode_required":
            await self.place.pass_passcode(elsewhere, remember_device=False)
        else:
            await self.place.sign_in(elsewhere)
            await self.place.step_up(elsewhere)
        return elsewhere

    @rule(role=roles)
    def enroll(self, role: Role) -> None:
        self.run(self._enroll(role))

    async def _enroll(self, role: Role) -> None:
        expected = self.expected[role]
        fresh = await self._fresh(role)
        if fresh is None:
            return
        if expected.enrolled:
            await begin(fresh)  # one that is never confirmed changes nothing
            return
        await self.place.enroll(fresh)
        self.people[role].app, self.people[role].recovery_codes = fresh.app, fresh.recovery_codes
        expected.enrolled, expected.turned_on, expected.trusted_at = True, True, None

    @rule(role=roles)
    def turn_on(self, role: Role) -> None:
        self.run(self._turn_on(role))

    async def _turn_on(self, role: Role) -> None:
        fresh = await self._fresh(role)
        if fresh is None:
            return
        answer = await fresh.browser.put("/users/me/two-factor/turned-on")
        if not self.expected[role].enrolled:
            refused(answer, 409, "no_authenticator")
            return
        ok(answer)
        self.expected[role].turned_on = True

    @rule(role=roles)
    def turn_off(self, role: Role) -> None:
        self.run(self._turn_off(role))

    async def _turn_off(self, role: Role) -> None:
        person, expected = self.people[role], self.expected[role]
        fresh = await self._fresh(role)
        if fresh is None:
            return
        answer = await fresh.browser.delete("/users/me/two-factor")
        if self.required[role]:
            refused(answer, 409, "two_factor_required")
            return
        ok(answer, 204)
        person.app, person.recovery_codes = None, []
        expected.enrolled, expected.turned_on, expected.trusted_at = False, False, None

    @rule(role=roles, at_every_sign_in=st.booleans())
    def choose_frequency(self, role: Role, at_every_sign_in: bool) -> None:  # noqa: FBT001 -- drawn
        self.run(self._choose_frequency(role, at_every_sign_in=at_every_sign_in))

    async def _choose_frequency(self, role: Role, *, at_every_sign_in: bool) -> None:
        fresh = await self._fresh(role)
        if fresh is None:
            return
        frequency = "every_sign_in" if at_every_sign_in else "every_30_days"
        ok(await fresh.browser.patch("/users/me/two-factor", json={"passcode_frequency": frequency}))
        self.expected[role].at_every_sign_in = at_every_sign_in
        if at_every_sign_in:
            self.expected[role].trusted_at = None

    @rule(days=st.sampled_from([1, 6, 8, 29]))
    def let_time_pass(self, days: int) -> None:
        self.place.clock.turn(days=days)

    # What is true after each act, for the user and for an API token, which nothing of this stops.

    @invariant()
    def everybody_is_answered_as_expected(self) -> None:
        for role in GROUPS:
            self.run(self._send_password(role))
            self.run(self._look_up(role))

    async def _send_password(self, role: Role) -> None:
        person = self.people[role]
        answer = await person.browser.post("/sign-ins", json=credentials(person))
        if self.expected[role].active:
            assert ok(answer, 201)["status"] == self.expected_answer(role, own_browser=True)
        else:
            refused(answer, 401, "invalid_credentials")
            self.place.clock.turn(minutes=2)  # so that guessing is never what refuses it

    async def _look_up(self, role: Role) -> None:
        expected = self.expected[role]
        shown = ok(await self.script.get(f"/users/{self.people[role].id}/two-factor"))
        assert shown["status"] == expected.status(required=self.required[role])
        assert shown["required_by_account"] == self.required[role]
        assert shown["turned_on_by_user"] == expected.turned_on
        assert shown["trusted_devices"] == int(self.is_trusted(role))


async def test_any_order_of_acts_ends_in_the_row_of_the_table(place: Place) -> None:
    def explore(bridge: Bridge) -> None:
        machine: Any = lambda: AnyOrder(bridge, place)  # noqa: E731 -- in the place of a class
        run_state_machine_as_test(machine, settings=BOUNDED)

    await beside(explore)
