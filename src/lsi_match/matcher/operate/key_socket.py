"""The passphrase of a site's keys, from the service to the flows that it has started, over a socket of the system.

A flow is started by a worker, which passes on nothing but its environment, and an environment is no place for a
passphrase (`crypto.passphrase`). So the service keeps it in memory and gives it, through a socket in a folder that only
this user can enter, to processes of this same user (SO_PEERCRED).
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from lsi_match.crypto import passphrase
from lsi_match.matcher.operate.run_parent import of_this_user, short_name

_LARGEST = 4096


def socket_of(site: Path) -> Path:
    """Where the socket of a site's service is."""
    return site / "serve" / "keys.sock"


def give_out(site: Path, secret: str) -> None:
    """Give `secret` to whoever of this user asks, for as long as this process lives."""
    file = socket_of(site)
    file.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_name(file) as name:
        server.bind(name)
    file.chmod(0o600)
    server.listen(8)
    threading.Thread(target=_serve, args=(server, secret.encode()), daemon=True).start()


def _serve(server: socket.socket, secret: bytes) -> None:
    while True:
        asker, _ = server.accept()
        with asker, suppress(OSError):
            asker.settimeout(5)
            if of_this_user(asker):
                asker.sendall(secret)


def use_if_there(site: Path) -> None:
    """Take the passphrase of this process from the service of `site`, when that gives one."""
    file = socket_of(site)
    if not file.is_socket():
        return
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker,
        short_name(file) as name,
    ):
        asker.settimeout(5)
        asker.connect(name)
        found = b""
        while len(found) < _LARGEST and (more := asker.recv(_LARGEST)):
            found += more
        if found:
            passphrase.use(lambda what, new: found.decode())
