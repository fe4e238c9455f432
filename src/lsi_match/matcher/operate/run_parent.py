"""The line to a parent of runs (`lsi_match.flows.parent`), which forks a process for whoever asks for one.

One connection is one process: the request and the descriptors that it writes to go out, the status with which it ended
comes back. Closing the connection ends the process. Both ends are of the same user (SO_PEERCRED).

A request `api` gets no process but an answer: what a client of the Prefect server of the service is told, and the socket on
which that server listens.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lsi_match.base.errors import LsiError

#: Of a request: names, settings and no data.
LARGEST = 128 * 1024


def socket_of(site: Path) -> Path:
    """Where the parent of a site's service listens."""
    return site / "serve" / "runs.sock"


def listen(file: Path) -> socket.socket:
    """A socket that a parent takes requests from."""
    file.unlink(missing_ok=True)
    front = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with short_name(file) as name:
        front.bind(name)
    file.chmod(0o600)
    front.listen(64)
    return front


def connect(file: Path) -> socket.socket | None:
    """A connection to the parent that listens there; None where nobody of this user does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with suppress(OSError), short_name(file) as name:
        connection.connect(name)
        if of_this_user(connection):
            return connection
    connection.close()
    return None


def of_this_user(connection: socket.socket) -> bool:
    """Whether the process at the other end is of the user of this one."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(user == os.geteuid())


def ask(connection: socket.socket, request: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Ask for a process.

    Args:
        descriptors: for what it writes, for its errors, and perhaps one that its passphrase is read from.
    """
    socket.send_fds(connection, [json.dumps(request).encode()], descriptors)


def status(connection: socket.socket) -> int | None:
    """Wait for the end of the process; how it ended, as `subprocess` tells it. None when the parent ended first."""
    with suppress(OSError, ValueError):
        return int(connection.recv(64))
    return None


@contextmanager
def short_name(file: Path) -> Iterator[str]:
    """A short name for a file, since the address of a socket has at most 107 bytes: through its folder's descriptor."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)


def api(site: Path, *, keep: bool = False) -> dict[str, str]:
    """The settings with which a client of Prefect reaches the server of the service of `site`, its password among them.

    Args:
        keep: this process, and what it becomes, keeps the socket of that server: nobody else can have its port before it ends.

    Raises:
        NotServedError: no service is there, of this user.
    """
    connection = connect(socket_of(site))
    if connection is None:
        raise LsiError("NotServedError", site=str(site))
    with connection, suppress(OSError, ValueError):
        ask(connection, {"api": True}, [])
        data, descriptors, _, _ = socket.recv_fds(connection, LARGEST, 1)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True) if keep else os.close(descriptor)
        found: dict[str, str] = json.loads(data)
        return found
    raise LsiError("NotServedError", site=str(site))
