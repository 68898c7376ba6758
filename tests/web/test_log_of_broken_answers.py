"""A request is logged and counted, also if its answer breaks off or the request is canceled."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from app.web.metrics import is_running
from app.web.middleware import RequestLogMiddleware

SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b""}


async def breaks_off(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("broke off")


async def is_canceled(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("app", "error", "status"), [(breaks_off, RuntimeError, 200), (is_canceled, asyncio.CancelledError, 0)]
)
async def test_a_request_without_a_whole_answer_is_logged(
    app: Any, error: type[BaseException], status: int
) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        """Take the message."""

    with capture_logs() as lines, pytest.raises(error):
        await RequestLogMiddleware(app, https=False, shared=False)(dict(SCOPE), receive, send)

    assert [(line["event"], line["status"]) for line in lines] == [("request", status)]


def test_a_pid_that_another_user_has_by_now_is_no_worker_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.kill", refuse)
    assert is_running(1) is False
