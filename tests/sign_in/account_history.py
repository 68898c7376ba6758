"""Actions of a user and an owner, each followed by checks of all answers against a model."""

from datetime import timedelta
from typing import Any

from app.core.callers import Role
from tests.sign_in.expected import Device, Expected
from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import Client, ok, refused
from tests.support.account.credentials import by_token
from tests.support.account.devices import cookie_name
from tests.support.account.sign_ins import credentials, enroll_on_demand
from tests.support.account.third_parties import jwt_sign_in, name_provider, token_of

GROUPS = {Role.AGENT: "team_members", Role.END_USER: "end_users"}
_FRESH = timedelta(minutes=9)
_DEVICES = "/users/me/trusted-devices"

REVOKING = [
    ("revoke_one",),
    ("revoke_all",),
    ("let_the_owner_revoke",),
    ("get_new_codes",),
    ("be_suspended_for_a_while",),
]

Act = tuple[Any, ...]
"""The name of a method of `AccountHistory`, and its arguments."""


class AccountHistory:
    """An account with an owner, a user with several devices, and a neighbor without any."""

    def __init__(
        self, tenant: Tenant, role: Role, owner: SimulatedUser, person: SimulatedUser, neighbor: SimulatedUser
    ) -> None:
        self._tenant = tenant
        self._group = GROUPS[role]
        self._owner, self._person, self._neighbor = owner, person, neighbor
        self._script = tenant.browser()
        self._required = dict.fromkeys(GROUPS.values(), False)
        self._expected = Expected(enrolled=True, turned_on=True)
        self._owner_fresh_until = self._fresh_until = tenant.clock.now()

    @classmethod
    async def begin(cls, tenant: Tenant, role: Role, days_then: int, days_now: int) -> "AccountHistory":
        """Return a history whose device became trusted when the policy said `days_then`."""
        owner = await tenant.enrolled(Role.OWNER)
        history = cls(tenant, role, owner, await tenant.enrolled(role), await tenant.enrolled(role))
        history._script = await by_token(tenant, owner, "users:read")
        await name_provider(owner, trusted_domains=["example.com"])
        for act in (("trust_for", days_then), ("sign_in", True), ("trust_for", days_now)):
            await history.perform(act)
        return history

    @property
    def possible_acts(self) -> list[list[Act]]:
        """The acts that would change something now, in groups; those that lead to trust come twice."""
        expected = self._expected
        by_others: list[Act] = [("sign_in_by_sso",)]
        time: list[Act] = [("wait_days", 1), ("wait_days", 8)]
        own: list[Act] = [("prefer", "every_30_days" if expected.at_every_sign_in else "every_sign_in")]
        own += [("turn_off",)] if expected.enrolled else [("enroll",)]
        own += [("turn_on_personally",)] if expected.enrolled and not expected.turned_on else []
        acts: list[list[Act]] = [
            by_others,
            time,
            [("require_or_not", group) for group in GROUPS.values()],
            [("trust_for", days) for days in (0, 7, 30) if days != expected.policy_days],
        ]
        if expected.answer() != "complete":
            acts.append([("sign_in", True), ("sign_in", True), ("sign_in", False)])
        if expected.answer() != "enrollment_required":
            acts.append(own)
        if expected.devices:
            by_others.append(("be_used_by_the_neighbor", expected.devices[-1]))
        if self._trusted_devices:
            time += [("wait_until_trust_ends", 0), ("wait_until_trust_ends", 1)]
            codes: list[Act] = [("use_a_code",)] if expected.answer() == "passcode_required" else []
            acts.append([*codes, *REVOKING])
        else:
            acts += [self._leading_to_trust] * 2
        return acts

    @property
    def _leading_to_trust(self) -> list[Act]:
        expected = self._expected
        if expected.answer() == "complete":
            return [("turn_on_personally",)] if expected.enrolled else [("enroll",)]
        if expected.policy_days == 0:
            return [("trust_for", 7), ("trust_for", 30)]
        if expected.at_every_sign_in and expected.enrolled:
            return [("prefer", "every_30_days")]
        return [("sign_in", True)]

    async def perform(self, act: Act) -> None:
        """Do the act, and assert that every device then gets the expected answer."""
        name, *arguments = act
        await getattr(self, name)(*arguments)
        await self._assert_password_is_answered()
        await self._assert_status_is_shown()

    @property
    def _trusted_devices(self) -> list[Device]:
        return self._expected.trusted(self._tenant.clock.now())

    # Return a signed-in client; sign in again when the session is no longer fresh.

    async def _by_owner(self) -> Client:
        if self._tenant.clock.now() >= self._owner_fresh_until:
            self._owner.browser = self._tenant.browser()
            await self._tenant.pass_passcode(self._owner, remember_device=False)
            self._owner_fresh_until = self._tenant.clock.now() + _FRESH
        return self._owner.browser

    async def _by_person(self) -> Client:
        if self._tenant.clock.now() >= self._fresh_until:
            if self._expected.answer() == "passcode_required":
                await self.sign_in(remember=False)
            else:
                self._person.browser = self._tenant.browser()
                await self._tenant.sign_in(self._person)
                await self._tenant.step_up(self._person)
                self._fresh_until = self._tenant.clock.now() + _FRESH
        return self._person.browser

    # Acts of the owner.

    async def require_or_not(self, group: str) -> None:
        self._required[group] = not self._required[group]
        await self._change_policy({"require_two_factor": {group: self._required[group]}})
        self._expected.required = self._required[self._group]

    async def trust_for(self, days: int) -> None:
        await self._change_policy({"trusted_device_days": days})
        self._expected.policy_days = days

    async def _change_policy(self, change: dict[str, Any]) -> None:
        ok(await (await self._by_owner()).patch("/security-policy", json=change))

    async def let_the_owner_revoke(self) -> None:
        ok(await (await self._by_owner()).delete(f"/users/{self._person.id}/trusted-devices"), 204)
        self._expected.end_trust()

    async def get_new_codes(self) -> None:
        path = f"/users/{self._person.id}/two-factor/recovery-codes"
        new = ok(await (await self._by_owner()).post(path, json={"reason": "lost"}), 201)
        self._person.recovery_codes = new["recovery_codes"]
        self._expected.end_trust()

    async def be_suspended_for_a_while(self) -> None:
        path, owner = f"/users/{self._person.id}", await self._by_owner()
        ok(await owner.patch(path, json={"status": "suspended"}))
        right = credentials(self._person)
        refused(await self._tenant.browser().post("/sign-ins", json=right), 401, "invalid_credentials")
        ok(await owner.patch(path, json={"status": "active"}))
        self._expected.end_trust()
        self._fresh_until = self._tenant.clock.now()

    # Acts of the user.

    async def sign_in(self, remember: bool) -> None:  # noqa: FBT001 -- drawn
        """Sign in from a new browser with whatever is asked for: passcode or enrollment."""
        tenant, expected = self._tenant, self._expected
        self._person.browser = tenant.browser()
        wish: dict[str, Any] = {"remember_device": remember, "device_storage": "body"}
        if expected.enrolled:
            answer = await tenant.pass_passcode(self._person, **wish)
            trusted_at = tenant.clock.now()
        else:
            trusted_at = tenant.clock.now()
            answer = await enroll_on_demand(tenant, self._person, **wish)
            expected.enrolled = True
        assert (answer["trusted_device"] is not None) == (remember and expected.becomes_trusted)
        if answer["trusted_device"]:
            token = answer["trusted_device"]["token"]
            expected.devices.append(Device(token, trusted_at, expected.policy_days))
        self._fresh_until = tenant.clock.now() + _FRESH

    async def use_a_code(self) -> None:
        code = self._person.recovery_codes.pop()
        answer = await self._tenant.pass_passcode(self._person, self._tenant.browser(), passcode=code)
        assert answer["trusted_device"] is None
        self._expected.end_trust()

    async def sign_in_by_sso(self) -> None:
        token = token_of(self._tenant, email=self._person.user.email)
        answer = ok(await self._tenant.browser().post("/sign-ins/jwt", json=jwt_sign_in(token)), 201)
        assert (answer["status"], answer["session"]["amr"]) == ("complete", ["sso"])

    async def prefer(self, frequency: str) -> None:
        body = {"passcode_frequency": frequency}
        ok(await (await self._by_person()).patch("/users/me/two-factor", json=body))
        self._expected.at_every_sign_in = frequency == "every_sign_in"
        if self._expected.at_every_sign_in:
            self._expected.end_trust()

    async def turn_on_personally(self) -> None:
        ok(await (await self._by_person()).put("/users/me/two-factor/turned-on"))
        self._expected.turned_on = True

    async def turn_off(self) -> None:
        answer = await (await self._by_person()).delete("/users/me/two-factor")
        if self._expected.required:
            refused(answer, 409, "two_factor_required")
            return
        ok(answer, 204)
        self._person.app = None
        self._expected.enrolled = self._expected.turned_on = False
        self._expected.end_trust()
        self._fresh_until = self._tenant.clock.now()

    async def enroll(self) -> None:
        await self._by_person()
        await self._tenant.enroll(self._person)
        self._expected.enrolled = self._expected.turned_on = True

    async def revoke_one(self) -> None:
        browser = await self._by_person()
        if not self._trusted_devices:
            return  # signing in waits for the next time step, and the trust ended meanwhile
        newest = self._trusted_devices[-1]
        [shown, *_] = ok(await browser.get(_DEVICES))["items"]
        ok(await browser.delete(f"{_DEVICES}/{shown['id']}"), 204)
        newest.revoked = True

    async def revoke_all(self) -> None:
        ok(await (await self._by_person()).delete(_DEVICES), 204)
        self._expected.end_trust()

    async def be_used_by_the_neighbor(self, device: Device) -> None:
        assert await self._password_answer(self._neighbor, device) == "passcode_required"

    # Time passing.

    async def wait_days(self, days: int) -> None:
        self._tenant.clock.turn(days=days)

    async def wait_until_trust_ends(self, seconds_before: int) -> None:
        ends_at = self._expected.ends_at(self._trusted_devices[0]) - timedelta(seconds=seconds_before)
        self._tenant.clock.set(max(self._tenant.clock.now(), ends_at))

    # Assertions after each act. The API token stays valid through all of them.

    async def _assert_password_is_answered(self) -> None:
        expected, trusted = self._expected, self._trusted_devices
        assert await self._password_answer(self._person) == expected.answer()
        revoked = [device for device in expected.devices if device.revoked]
        others = [device for device in expected.devices if not device.revoked]
        for device in [*revoked[-1:], *others[-2:]]:
            assert await self._password_answer(self._person, device) == expected.answer(trusted=device in trusted)

    async def _password_answer(self, who: SimulatedUser, device: Device | None = None) -> str:
        """Return the answer to the right password; a device sends its token in cookie and body."""
        browser, body = self._tenant.browser(), credentials(who)
        if device:
            browser.cookies.set(cookie_name(who), device.token)
            body["device_token"] = device.token
        status: str = ok(await browser.post("/sign-ins", json=body), 201)["status"]
        return status

    async def _assert_status_is_shown(self) -> None:
        shown = ok(await self._script.get(f"/users/{self._person.id}/two-factor"))
        assert shown["status"] == self._expected.status
        assert shown["required_by_account"] == self._expected.required
        assert shown["turned_on_by_user"] == self._expected.turned_on
        assert shown["trusted_devices"] == len(self._trusted_devices)
