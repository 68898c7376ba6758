"""One round after the other, in each of which everything is measured once."""

import asyncio
import subprocess
import tempfile
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.floors import hash_rate
from tests.benchmarks.load import Measured, command, environment, load
from tests.benchmarks.people import ACCOUNT, People

_PATH = f"/v1/accounts/{ACCOUNT}"
_BODIES = [
    '{"sign_in_token": "pgi_0123456789012345678901234567890123456789012", "passcode": "123456"}'
] * 2  # one for each thread of wrk
_WAITING = 32  # password sign-ins that wait all the time
_PASSWORD_USERS = 2000


@dataclass(frozen=True)
class Targets:
    """Where the floors and the service answer."""

    floor: str
    service: str


@dataclass
class Rounds:
    """What was measured so far, a list entry a round."""

    targets: Targets
    people: People
    seconds: int
    count: int
    floor_bare: list[Measured] = field(default_factory=list)
    floor_update: list[Measured] = field(default_factory=list)
    floor_hash: list[float] = field(default_factory=list)
    right: list[Measured] = field(default_factory=list)
    wrong: list[Measured] = field(default_factory=list)
    authorize_token: list[Measured] = field(default_factory=list)
    authorize_session: list[Measured] = field(default_factory=list)
    password: list[Measured] = field(default_factory=list)
    at_rest: list[Measured] = field(default_factory=list)
    authorize_loaded: list[Measured] = field(default_factory=list)

    async def run(self) -> None:
        """Measure everything once more."""
        floor, service, seconds = self.targets.floor, self.targets.service, self.seconds
        token, session = await self.people.caller()
        passwords = await self.people.passwords(_PASSWORD_USERS)
        authorize = f"{_PATH}/authorize"
        self.floor_bare.append(load(floor, "/bare", bodies=_BODIES, again=True, seconds=seconds))
        self.floor_update.append(load(floor, "/update", bodies=_BODIES, again=True, seconds=seconds))
        right = await self.people.passcodes(self.count, right=True)
        self.right.append(load(service, f"{_PATH}/sign-ins/passcode", bodies=right, seconds=seconds))
        wrong = await self.people.passcodes(self.count, right=False)
        self.wrong.append(load(service, f"{_PATH}/sign-ins/passcode", bodies=wrong, seconds=seconds, refused=True))
        self.authorize_token.append(load(service, authorize, authorization=token, seconds=seconds))
        self.authorize_session.append(load(service, authorize, authorization=session, seconds=seconds))
        self.floor_hash.append(await asyncio.to_thread(hash_rate, seconds))
        self.password.append(load(service, f"{_PATH}/sign-ins", bodies=passwords, again=True, seconds=seconds))
        self.at_rest.append(load(service, authorize, authorization=session, connections=2, seconds=seconds))
        self.authorize_loaded.append(self._beside_passwords(authorize, session, passwords))

    def _beside_passwords(self, path: str, session: str, passwords: list[str]) -> Measured:
        """Measure /authorize while password sign-ins wait all the time."""
        service = self.targets.service
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("\n".join(passwords))
            file.flush()
            told = environment(f"{_PATH}/sign-ins", connections=_WAITING, lines=file.name, again=True)
            beside = command(service, connections=_WAITING, seconds=self.seconds + 1)
            with subprocess.Popen(beside, env=told, stdout=subprocess.DEVNULL):
                return load(service, path, authorization=session, connections=2, seconds=self.seconds)

    @staticmethod
    def summary(runs: list[Measured]) -> str:
        """Return the median rate."""
        return f"{median(run.rate for run in runs):,.0f} a second"
