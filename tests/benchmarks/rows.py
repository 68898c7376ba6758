"""What is measured on one service: each row a stream of requests, or two streams beside each other."""

import os
import subprocess
import tempfile

from tests.benchmarks.load import Measured, command, environment, load
from tests.benchmarks.people import ACCOUNT, People

CORES = len(os.sched_getaffinity(0))
ARGUMENTS = ("--workers", str(CORES), "--no-jobs")
"""How the service is started."""

_PATH = f"/v1/accounts/{ACCOUNT}"
_AUTHORIZE = f"{_PATH}/authorize"
_PASSCODE = f"{_PATH}/sign-ins/passcode"
_PASSWORD = f"{_PATH}/sign-ins"
_WAITING = 32  # password sign-ins that wait all the time
_PASSWORD_USERS = 2000
_MOST_PASSCODES = 1500 * CORES  # a second: so many users are made for each second
_MOST_HASHES = 150 * CORES


def settings(database_url: str, keys: str) -> dict[str, str]:
    """Return what the service is told; the load says, as a proxy does, from which address each request comes."""
    given = {"DATABASE_URL": database_url, "SECRET_KEYS": keys, "TRUSTED_PROXY_HOPS": "1"}
    return {f"PASSGATE_{name}": value for name, value in given.items()}


class Rows:
    """The rows, each of which takes so many seconds on the service at the URL."""

    def __init__(self, url: str, people: People, *, seconds: int) -> None:
        self._url = url
        self._people = people
        self._seconds = seconds

    async def right_passcode(self) -> Measured:
        """Complete sign-ins by TOTP passcodes, each valid and unused."""
        bodies = await self._people.passcodes(_MOST_PASSCODES * self._seconds, right=True)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds)

    async def wrong_passcode(self) -> Measured:
        """Try passcodes that are wrong, each in a sign-in of its own."""
        bodies = await self._people.passcodes(_MOST_PASSCODES * self._seconds, right=False)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds, refused=True)

    async def recovery_code(self) -> Measured:
        """Complete sign-ins by recovery codes, each valid and unused."""
        bodies = await self._people.recovery_codes(_MOST_HASHES * self._seconds)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds)

    async def authorize_by_token(self) -> Measured:
        """Ask who calls, by API token."""
        token, _ = await self._people.caller()
        return load(self._url, _AUTHORIZE, authorization=token, seconds=self._seconds)

    async def authorize_by_session(self) -> Measured:
        """Ask who calls, by session."""
        _, session = await self._people.caller()
        return load(self._url, _AUTHORIZE, authorization=session, seconds=self._seconds)

    async def password(self) -> Measured:
        """Begin sign-ins with a right password, which is all that these users need."""
        bodies = await self._people.passwords(_PASSWORD_USERS)
        return load(self._url, _PASSWORD, bodies=bodies, again=True, seconds=self._seconds)

    async def authorize_at_rest(self) -> Measured:
        """Ask who calls, two at a time, with nothing beside it."""
        _, session = await self._people.caller()
        return self._authorize_two(session)

    async def authorize_beside_passwords(self) -> Measured:
        """Ask who calls, two at a time, while password sign-ins wait all the time."""
        _, session = await self._people.caller()
        bodies = await self._people.passwords(_PASSWORD_USERS)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("\n".join(bodies))
            file.flush()
            with self._passwords_waiting(file.name):
                return self._authorize_two(session)

    def _authorize_two(self, session: str) -> Measured:
        return load(self._url, _AUTHORIZE, authorization=session, connections=2, seconds=self._seconds)

    def _passwords_waiting(self, lines: str) -> subprocess.Popen[bytes]:
        told = environment(_PASSWORD, connections=_WAITING, lines=lines, again=True)
        beside = command(self._url, connections=_WAITING, seconds=self._seconds + 1)
        return subprocess.Popen(beside, env=told, stdout=subprocess.DEVNULL)
