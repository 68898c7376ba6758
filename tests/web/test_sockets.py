"""A real server on a socket: clients can read an answer that comes while they still send."""

import socket
from collections.abc import Iterable, Iterator

import httpx
import pytest

from tests.support.programs.serving import Serving

TEN_MB = 10 * 1024 * 1024
CHUNK = b"x" * 65_536
ACCOUNT = "/v1/accounts/demo"
JSON = "application/json"

# Refused before, while, and after the body is read.
EARLY = {
    "no such path": ("POST", "/none", JSON, 404),
    "no such method": ("PUT", f"{ACCOUNT}/sign-ins", JSON, 405),
    "no such account": ("POST", "/v1/accounts/none/sign-ins", JSON, 404),
    "no such type": ("POST", f"{ACCOUNT}/sign-ins", "text/plain", 415),
    "too large": ("POST", f"{ACCOUNT}/sign-ins", JSON, 413),
    "too large where none is taken": ("DELETE", f"{ACCOUNT}/session", JSON, 413),
    "too large for health": ("POST", "/healthz", JSON, 405),
}
each_early_answer = pytest.mark.parametrize(
    ("method", "path", "content_type", "status"), EARLY.values(), ids=EARLY
)


@pytest.fixture
def connection(service: Serving) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as made:
        yield made


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer, as long as its Content-Length says."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        assert part, received
        received += part
    top, _, body = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return int(first.split()[1]), headers, body


def chunked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield b"%x\r\n%s\r\n" % (len(chunk), chunk)
    yield b"0\r\n\r\n"


@each_early_answer
@pytest.mark.parametrize("ending", ["keep-alive", "close"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_reads_only_after_ten_megabytes_gets_the_answer(
    connection: socket.socket, method: str, path: str, content_type: str, status: int, ending: str, framing: str
) -> None:
    length = f"Content-Length: {TEN_MB}" if framing == "length" else "Transfer-Encoding: chunked"
    connection.sendall(head(method, path, f"Content-Type: {content_type}", length, f"Connection: {ending}"))
    chunks = [CHUNK] * (TEN_MB // len(CHUNK))
    for part in chunks if framing == "length" else chunked(chunks):
        connection.sendall(part)

    answered, headers, body = read_answer(connection)

    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    assert b"xx" not in body
    if ending == "keep-alive":
        connection.sendall(head("GET", "/healthz"))
        assert read_answer(connection)[0] == 200
    else:
        assert connection.recv(1) == b""


@each_early_answer
def test_an_ordinary_client_reads_the_answer_to_ten_megabytes(
    service: Serving, method: str, path: str, content_type: str, status: int
) -> None:
    with httpx.Client(base_url=service.url) as client:
        for content in (b"x" * TEN_MB, iter([CHUNK] * (TEN_MB // len(CHUNK)))):
            response = client.request(method, path, content=content, headers={"Content-Type": content_type})
            assert response.status_code == status


@each_early_answer
def test_expect_100_continue_gets_the_final_answer_if_it_is_already_known(
    connection: socket.socket, method: str, path: str, content_type: str, status: int
) -> None:
    length = f"Content-Length: {TEN_MB}"
    connection.sendall(head(method, path, f"Content-Type: {content_type}", length, "Expect: 100-continue"))

    assert read_answer(connection)[0] == status


def test_expect_100_continue_gets_100_if_the_body_is_needed(connection: socket.socket) -> None:
    content = b'{"email": "nobody@example.com", "password": "x"}'
    request = head("POST", f"{ACCOUNT}/sign-ins", f"Content-Type: {JSON}", f"Content-Length: {len(content)}")
    connection.sendall(request.replace(b"Host", b"Expect: 100-continue\r\nHost"))
    assert read_answer(connection)[0] == 100
    connection.sendall(content)

    assert read_answer(connection)[0] == 401


def test_a_client_that_disconnects_is_not_logged_as_a_fault(service: Serving, connection: socket.socket) -> None:
    before, faults = (service.output().count(f'"event": "{event}"') for event in ("request", "fault"))
    connection.sendall(head("POST", f"{ACCOUNT}/sign-ins", f"Content-Type: {JSON}", "Content-Length: 100") + b"{")
    connection.close()

    with httpx.Client(base_url=service.url) as client:
        while service.output().count('"event": "request"') < before + 2:
            assert client.get("/healthz").status_code == 200
    assert service.output().count('"event": "fault"') == faults


def test_fifty_megabytes_do_not_stop_the_server(service: Serving, connection: socket.socket) -> None:
    connection.sendall(head("POST", f"{ACCOUNT}/sign-ins", f"Content-Type: {JSON}", "Content-Length: 50000000"))
    try:
        for _ in range(50_000_000 // len(CHUNK)):
            connection.sendall(CHUNK)
        assert read_answer(connection)[0] == 413
    except ConnectionError:
        pass  # beyond its limit the server may close the connection

    assert httpx.get(f"{service.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "request_line",
    ["mArKeR", "GET /mArKeR", "GET /session mArKeR/1.1", "GET\t/mArKeR HTTP/1.1", "mArKeR /healthz HTTP/1.1"],
)
def test_malformed_http_is_refused_without_an_echo(connection: socket.socket, request_line: str) -> None:
    connection.sendall(f"{request_line}\r\nHost: mArKeR\r\n\r\n".encode())
    status, headers, body = read_answer(connection)

    assert 400 <= status < 500
    assert "server" not in headers
    assert b"mArKeR" not in body


@pytest.mark.parametrize(
    "length", ["", "-1", "+2", "2, 3", "0x2", "2 3", "\u0662", "9" * 30, "mArKeR", "2\r\nContent-Length: 3"]
)
def test_a_length_that_is_no_number_is_refused(connection: socket.socket, length: str) -> None:
    length_line = f"Content-Length: {length}"
    connection.sendall(head("POST", f"{ACCOUNT}/sign-ins", f"Content-Type: {JSON}", length_line) + b"{}")
    status, _, body = read_answer(connection)

    assert status == 400
    assert b"mArKeR" not in body


def test_no_answer_names_the_server_software(service: Serving) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/none", f"{ACCOUNT}/session"):
        headers = httpx.get(f"{service.url}{path}").headers
        assert "server" not in headers
        assert "x-powered-by" not in headers
        assert headers["x-content-type-options"] == "nosniff"


def test_head_has_no_content_and_leaves_the_connection_usable(service: Serving) -> None:
    plain = {"Accept-Encoding": "identity"}
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}", headers=plain) as client:
        for path in ("/healthz", "/openapi.json", "/docs", f"{ACCOUNT}/session", "/none"):
            head, got = client.head(path), client.get(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            assert head.headers["content-length"] == str(len(got.content))
