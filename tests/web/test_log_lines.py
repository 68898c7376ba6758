"""The format of log lines: JSON for programs, readable text on a terminal."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.support.account.arrange import SimulatedUser, Tenant
from tests.support.account.client import ok, refused
from tests.support.account.third_parties import jwt_sign_in, name_provider

# Clears the screen, sets a title, writes from right to left, and forges a new line.
NASTY = "\x1b[2J\x1b]0;title\x07 \u202edetrevni\u2066 \x7f\x9b1m\u2028\r\nforged"
SAY = f"""
import logging, structlog
from app.core.logs import configure_logs
configure_logs("info")
structlog.get_logger().info({NASTY!r}, name={NASTY!r}, number=1)
logging.getLogger("a library").warning({NASTY!r})
try:
    raise ValueError("secret")
except ValueError:
    structlog.get_logger().exception("fault")
"""


def printed(*, terminal: bool) -> bytes:
    """Return what a process writes to standard error, which is a terminal or not."""
    command = [sys.executable, "-c", SAY]
    if not terminal:
        return subprocess.run(command, stderr=subprocess.PIPE, timeout=60, check=True).stderr
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stderr=theirs, env=os.environ | {"NO_COLOR": "1"})
    os.close(theirs)
    said = b""
    try:
        while some := os.read(ours, 4096):
            said += some
    except OSError:  # Linux reports this when the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return said


def test_on_a_terminal_a_line_is_readable_and_has_no_control_characters() -> None:
    text = printed(terminal=True).decode().replace("\r\n", "\n")

    assert all(character.isprintable() or character == "\n" for character in text), ascii(text)
    first, second, *_ = text.splitlines()
    assert "forged" in first
    assert "number=1" in first
    assert r"\u202edetrevni\u2066" in second
    assert "Traceback" not in text
    assert 'File "<string>", line' in text
    assert "secret" not in text.replace('ValueError("secret")', "")


@pytest.mark.skipif(shutil.which("jq") is None, reason="apt-get install jq")
def test_elsewhere_each_line_is_json_in_printable_ascii() -> None:
    said = printed(terminal=False)

    assert all(32 <= byte < 127 or byte == 10 for byte in said)
    read = subprocess.run(["jq", "-c", ".event"], input=said, capture_output=True, timeout=30, check=True).stdout
    assert [json.loads(line) for line in read.splitlines()] == [NASTY, NASTY, "fault"]


def test_each_line_is_one_write_so_that_processes_never_mix_their_lines() -> None:
    ours, theirs = socket.socketpair(
        socket.AF_UNIX, socket.SOCK_DGRAM
    )  # a datagram socket keeps separate writes separate
    with ours, theirs:
        subprocess.run([sys.executable, "-c", SAY], stderr=theirs.fileno(), timeout=60, check=True)
        ours.settimeout(10)
        writes = [ours.recv(65536) for _ in range(3)]
        ours.settimeout(0)
        with pytest.raises(BlockingIOError):
            ours.recv(1)

    assert [write.count(b"\n") for write in writes] == [1, 1, 1]
    assert all(write.endswith(b"}\n") for write in writes)


async def test_a_request_is_one_line_that_says_who_called_and_how(tenant: Tenant, owner: SimulatedUser) -> None:
    made = await owner.browser.post("/api-tokens", json={"description": "a job", "scopes": ["users:read"]})
    token = (f"{owner.user.email}/token", ok(made, 201)["token"])
    with capture_logs([merge_contextvars]) as log:
        await owner.browser.get("/session", headers={"X-Request-ID": "one"})
        await tenant.browser().get(f"/users/{owner.id}", auth=token)
        await tenant.browser().get("/session")
        await tenant.browser().get("http://127.0.0.1:8000/healthz")

    lines = [line for line in log if line["event"] == "request"]
    assert len(lines) == len(log) == 4
    account = str(tenant.account.id)
    who = [(line["route"], line["account"], line["user"], line["credential"]) for line in lines]
    under = "/v1/accounts/{account}"
    assert who == [
        (f"{under}/session", account, owner.id, "session"),
        (f"{under}/users/{{user_id}}", account, owner.id, "api_token"),
        (f"{under}/session", account, None, None),
        ("/healthz", None, None, None),
    ]
    assert [line["status"] for line in lines] == [200, 200, 401, 200]
    assert lines[0]["request_id"] == "one"
    assert all(0 <= line["milliseconds"] < 60_000 for line in lines)


async def test_every_log_line_of_a_request_has_its_request_id(tenant: Tenant, owner: SimulatedUser) -> None:
    await name_provider(owner)
    with capture_logs([merge_contextvars]) as log:
        for request_id in ("one", "two"):
            body = jwt_sign_in("no token")
            response = await tenant.browser().post(
                "/sign-ins/jwt", json=body, headers={"X-Request-ID": request_id}
            )
            refused(response, 401, "invalid_credentials")

    assert [(line["event"], line["request_id"]) for line in log] == [
        ("token refused", "one"),
        ("request", "one"),
        ("token refused", "two"),
        ("request", "two"),
    ]
