"""A Prefect server, of the service of a site or of one command: on a socket that was opened before, behind a password.

A connection of another user of the machine, but root, is closed at once, unheard: it takes no room from those of this user. Who
does not show the password hears 401 and nothing else, whatever it asks. Its database is made once for each version of
Prefect and kept, empty, in the cache of this user; a new site gets a copy.
"""

from __future__ import annotations

import hmac
import os
import socket
import sqlite3
from collections.abc import Callable, MutableMapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import prefect
import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database import provide_database_interface
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_HOME

from lsi_match.base.files import locked, private_folder, write_whole
from lsi_match.flows.database import FILE, usable
from lsi_match.flows.settings import header


class _Listener(socket.socket):
    """A socket on loopback that lets in whom root or this user runs."""

    def accept(self) -> tuple[socket.socket, Any]:
        connection, peer = super().accept()
        if _user_at(peer[1], self.getsockname()[1]) not in (0, os.geteuid()):
            connection.close()
            raise ConnectionAbortedError
        return connection, peer


def _user_at(port: int, ours: int) -> int | None:
    """The user at the other end of a connection from a port on loopback to ours; None where it is gone: of an end that its
    process closed (inode 0) the kernel tells user 0, whoever it was."""
    ends = [f"0100007F:{port:04X}", f"0100007F:{ours:04X}"]
    with Path("/proc/net/tcp").open() as table:
        rows = (line.split() for line in table)
        return next((int(row[7]) for row in rows if row[1:3] == ends and row[9] != "0"), None)


class _Server(uvicorn.Server):
    """Tells when it has started."""

    started_: Callable[[], object]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.started_()


class _Guarded:
    """An application of ASGI, for who shows these credentials."""

    def __init__(self, app: Any, auth: str) -> None:
        self._app, self._expected = app, header(auth).encode()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        shown = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "lifespan" or hmac.compare_digest(shown, self._expected):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body"})


def serve(listener: socket.socket, auth: str, started: Callable[[], object]) -> None:
    """Serve until told to stop (SIGTERM).

    Args:
        auth: `user:password`, which every request has to show.
        started: called when requests are answered.
    """
    home = Path(PREFECT_HOME.value())
    if str(home / FILE) in str(PREFECT_API_DATABASE_CONNECTION_URL.value()):
        make_database(home)
    app = _Guarded(create_app(ephemeral=True, final=True), auth)
    # Not uvloop, where that is installed: it does not ask the socket.
    config = uvicorn.Config(
        app, loop="asyncio", lifespan="on", log_level="error", server_header=False, date_header=False
    )
    server = _Server(config)
    server.started_ = started
    server.run(sockets=[_Listener(fileno=listener.detach())])


def make_database(home: Path) -> None:
    """Make the database in `home` (PREFECT_HOME) where there is none."""
    if (home / FILE).exists():
        return
    with locked(home / "database.lock"):
        if (home / FILE).exists():
            return
        kept = _kept()
        if usable(kept):
            write_whole(home / FILE, kept.read_bytes())
            return
        anyio.run(provide_database_interface().create_db)
        with suppress(OSError), closing(sqlite3.connect(home / FILE)) as made:
            private_folder(kept.parent)
            write_whole(kept, made.serialize(), replace=True)


def _kept() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lsi-match" / f"prefect-{prefect.__version__}.db"
