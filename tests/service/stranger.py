"""What another user of the machine tries at a site that is served; prints what it got, as JSON. Standard library only, for
the Python of the system: `stranger.py SITE PORT PID,PID`."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATHS = ("", "docs", "openapi.json", "ui-settings", "api/health", "api/ready", "api/version", "api/flows/filter", "api/events/in",
         "api/events/out", "/api/health", "api/../api/health", "%61pi/health")  # fmt: skip
UPGRADE = [
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: prefect",
]  # fmt: skip
WRONG = "Authorization: Basic bHNpOmxzaQ=="


def tried(function: Callable[[], Any]) -> Any:
    """What a function gives; None when it was refused."""
    try:
        return function()
    except OSError:
        return None


def of_processes() -> dict[str, dict[str, str]]:
    """What /proc tells of every process: by what is read, and the id of the process."""
    found: dict[str, dict[str, str]] = {"cmdline": {}, "environ": {}, "maps": {}, "fd": {}, "mem": {}}
    for process in [one for one in Path("/proc").iterdir() if one.name.isdigit()]:
        for name in ("cmdline", "environ", "maps"):
            data = tried((process / name).read_bytes)
            if data is not None:
                found[name][process.name] = data.decode(errors="replace")
        for name, look in (("fd", os.listdir), ("mem", lambda path: os.open(path, os.O_RDONLY))):
            if tried(lambda: look(process / name)) is not None:  # noqa: B023
                found[name][process.name] = "open"
    return found


def touched(site: Path) -> Iterator[str]:
    """What can be read, written or connected to in a site."""
    below = (
        "",
        "keys",
        "keys/signing.pem",
        "serve",
        "serve/runs.sock",
        "serve/prefect.db",
        "projects",
        "events.jsonl",
    )
    for path in [site / one for one in below]:
        if tried(lambda: list(path.iterdir()) or True):  # noqa: B023
            yield f"listed {path}"
        if tried(lambda: path.read_bytes() or True):  # noqa: B023
            yield f"read {path}"
        if tried(lambda: (path / "mine").write_text("x")):  # noqa: B023
            yield f"wrote in {path}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            if tried(lambda: line.connect(str(path)) or True):  # noqa: B023
                yield f"connected to {path}"


def requests() -> Iterator[str]:
    """Everything that is asked, without knowing the password."""
    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS", "HEAD", "DELETE", "UPGRADE"):
            for more in ([], [WRONG]):
                first = f"{method} /{path} HTTP/1.1".replace("UPGRADE", "GET")
                how = UPGRADE if method == "UPGRADE" else ["Connection: close"]
                yield "\r\n".join([first, "Host: localhost", *how, *more, "", ""])
    yield "no http at all\r\n\r\n"


def answer(port: int, request: str) -> str:
    """What comes back; nothing where the connection is closed at once."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        try:
            line.sendall(request.encode())
            while b"\r\n\r\n" not in got and (more := line.recv(65536)):
                got += more
        except (BrokenPipeError, ConnectionResetError):
            return got.decode()
        line.settimeout(0.05)
        while more := tried(lambda: line.recv(65536)):
            got += more
    return got.decode()


def squatted(port: int, option: int | None) -> bool:
    with socket.socket() as mine:
        if option is not None:
            mine.setsockopt(socket.SOL_SOCKET, option, 1)
        return bool(tried(lambda: mine.bind(("127.0.0.1", port)) or mine.listen() or True))


def held(port: int, many: int) -> int:
    """How many connections of so many, on which nothing is said, are kept open."""
    lines = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(many)]
    kept = 0
    for line in lines:
        line.settimeout(5 if kept == 0 else 0.01)
        try:
            kept += line.recv(1) != b""
        except TimeoutError:
            kept += 1
        except ConnectionResetError:
            pass
        line.close()
    return kept


def main() -> None:
    site, port, pids = Path(sys.argv[1]), int(sys.argv[2]), [int(one) for one in sys.argv[3].split(",")]
    said: dict[str, str] = {}
    for request in requests():
        said.setdefault(answer(port, request), request)
    got = {
        "held": held(port, 300),
        "processes": of_processes(),
        "touched": list(touched(site)),
        "said": said,
        "squatted": [one for one in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT) if squatted(port, one)],
        "killed": [pid for pid in pids if tried(lambda: os.kill(pid, signal.SIGKILL) or True)],  # noqa: B023
    }
    print(json.dumps(got))


if __name__ == "__main__":
    main()
