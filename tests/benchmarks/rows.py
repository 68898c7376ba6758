"""The rows measured on one service: one stream of requests, or two at the same time."""

import os
import subprocess
import tempfile

from tests.benchmarks.load import Measured, command, environment, load
from tests.benchmarks.people import ACCOUNT, People

CORES = len(os.sched_getaffinity(0))
ARGUMENTS = ("--workers", str(CORES), "--no-jobs")
"""The arguments of `passgate serve`."""

_PATH = f"/v1/accounts/{ACCOUNT}"
_AUTHORIZE = f"{_PATH}/authorize"
_PASSCODE = f"{_PATH}/sign-ins/passcode"
_PASSWORD = f"{_PATH}/sign-ins"
_WAITING = 32  # password sign-ins that wait at any time
_PASSWORD_USERS = 2000
_MOST_PASSCODES = 1500 * CORES  # per second; this many users are created for each second
_MOST_HASHES = 150 * CORES


def settings(database_url: str, keys: str) -> dict[str, str]:
    """Return the settings of the service; it trusts one proxy, as load.lua sets addresses."""
    given = {"DATABASE_URL": database_url, "SECRET_KEYS": keys, "TRUSTED_PROXY_HOPS": "1"}
    return {f"PASSGATE_{name}": value for name, value in given.items()}


class Rows:
    """The rows, each measured for `seconds` on the service at the URL."""

    def __init__(self, url: str, people: People, *, seconds: int) -> None:
        self._url = url
        self._people = people
        self._seconds = seconds

    async def right_passcode(self) -> Measured:
        """Complete sign-ins with valid, unused TOTP passcodes."""
        bodies = await self._people.passcodes(_MOST_PASSCODES * self._seconds, right=True)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds)

    async def wrong_passcode(self) -> Measured:
        """Send wrong passcodes, each in a different sign-in."""
        bodies = await self._people.passcodes(_MOST_PASSCODES * self._seconds, right=False)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds, refused=True)

    async def recovery_code(self) -> Measured:
        """Complete sign-ins with valid, unused recovery codes."""
        bodies = await self._people.recovery_codes(_MOST_HASHES * self._seconds)
        return load(self._url, _PASSCODE, bodies=bodies, seconds=self._seconds)

    async def authorize_by_token(self) -> Measured:
        """Call `/authorize` with an API token."""
        token, _ = await self._people.caller()
        return load(self._url, _AUTHORIZE, authorization=token, seconds=self._seconds)

    async def authorize_by_session(self) -> Measured:
        """Call `/authorize` with a session."""
        _, session = await self._people.caller()
        return load(self._url, _AUTHORIZE, authorization=session, seconds=self._seconds)

    async def password(self) -> Measured:
        """Sign in with right passwords of users who need no second factor."""
        bodies = await self._people.passwords(_PASSWORD_USERS)
        return load(self._url, _PASSWORD, bodies=bodies, again=True, seconds=self._seconds)

    async def authorize_at_rest(self) -> Measured:
        """Call `/authorize`, two at a time, without other load."""
        _, session = await self._people.caller()
        return self._authorize_two(session)

    async def authorize_beside_passwords(self) -> Measured:
        """Call `/authorize`, two at a time, while 32 password sign-ins always wait."""
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
