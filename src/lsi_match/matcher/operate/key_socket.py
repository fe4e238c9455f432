"""The passphrase of a site's keys, from the service to the flows that it has started, over a socket of the system.

A flow is started by a worker, which passes on nothing but its environment, and an environment is no place for a
passphrase (`crypto.passphrase`). So the service keeps it in memory and gives it, through a socket in a folder that only
this user can enter, to processes of this same user (SO_PEERCRED).
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lsi_match.crypto import passphrase

_LARGEST = 4096


def socket_of(site: Path) -> Path:
    """Where the socket of a site's service is."""
    return site / "serve" / "keys.sock"


def give_out(site: Path, secret: str) -> None:
    """Give `secret` to whoever of this user asks, for as long as this process lives."""
    file = socket_of(site)
    file.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _near(file) as name:
        server.bind(name)
    file.chmod(0o600)
    server.listen(8)
    threading.Thread(target=_serve, args=(server, secret.encode()), daemon=True).start()


def _serve(server: socket.socket, secret: bytes) -> None:
    while True:
        asker, _ = server.accept()
        with asker, suppress(OSError):
            asker.settimeout(5)
            _, user, _ = struct.unpack(
                "3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            )
            if user == os.geteuid():
                asker.sendall(secret)


def use_if_there(site: Path) -> None:
    """Take the passphrase of this process from the service of `site`, when that gives one."""
    file = socket_of(site)
    if not file.is_socket():
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker, _near(file) as name:
        asker.settimeout(5)
        asker.connect(name)
        found = b""
        while len(found) < _LARGEST and (more := asker.recv(_LARGEST)):
            found += more
        if found:
            passphrase.use(lambda what, new: found.decode())


@contextmanager
def _near(file: Path) -> Iterator[str]:
    """A short name for a file, since the address of a socket has at most 107 bytes: through its folder's descriptor."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)
