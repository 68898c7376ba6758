"""Load from `wrk`, which is not the bottleneck: one request again and again, or each line of a list once."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

THREADS = 2
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Measured:
    """What wrk saw: how many requests, how many a second, and the latency in milliseconds."""

    requests: int
    rate: float
    p50: float
    p99: float


def command(url: str, *, connections: int, seconds: int) -> list[str]:
    """Return the command line of wrk."""
    threads = min(THREADS, connections)
    return [
        "wrk",
        f"-t{threads}",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "20s",
        "-s",
        str(_SCRIPT),
        url,
    ]


def environment(
    target: str, *, connections: int, lines: str = "", authorization: str = "", again: bool = False
) -> dict[str, str]:
    """Return what the script reads."""
    told = {"TARGET": target, "THREADS": str(min(THREADS, connections))}
    told |= {"LINES": lines} if lines else {}
    told |= {"AUTHORIZATION": authorization} if authorization else {}
    return {**os.environ, **told, **({"AGAIN": "1"} if again else {})}


def load(
    url: str,
    target: str,
    *,
    bodies: Sequence[str] = (),
    authorization: str = "",
    connections: int = 16,
    seconds: int = 3,
    refused: bool = False,
    again: bool = False,
) -> Measured:
    """Send requests for so many seconds; every one must succeed, or (`refused`) every one must not.

    A list of bodies is sent once and must outlast the time, unless it is sent `again`.
    """
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(bodies))
        file.flush()
        lines = file.name if bodies else ""
        said = subprocess.run(
            command(url, connections=connections, seconds=seconds),
            env=environment(
                target, connections=connections, lines=lines, authorization=authorization, again=again
            ),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    result = json.loads(said.rpartition("RESULT ")[2])
    requests = result["requests"]
    assert requests, said
    assert result["broken"] == 0, said
    assert result["refused"] == (requests if refused else 0), f"{target}: {said}"
    assert again or not bodies or requests < len(bodies), f"{target}: too few bodies for {requests} requests"
    return Measured(requests, requests / result["seconds"], result["p50"], result["p99"])
