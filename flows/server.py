"""A Prefect server for the runs of one command: on a port of this machine that its parent opened, behind a password.

Its database is made once for each version of Prefect and kept, empty, in the cache of this user; a new site gets a copy.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import anyio
import prefect
import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database import provide_database_interface
from prefect.settings import PREFECT_HOME

from lsi_match.base.files import private_folder, write_whole
from lsi_match.flows.database import FILE, usable


def serve(listener: socket.socket) -> None:
    """Serve until told to stop (SIGTERM)."""
    make_database(Path(PREFECT_HOME.value()))
    app = create_app(ephemeral=True, final=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[listener])


def make_database(home: Path) -> None:
    """Make the database in `home` (PREFECT_HOME) where there is none."""
    if (home / FILE).exists():
        return
    descriptor = os.open(home / "database.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
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
    finally:
        os.close(descriptor)


def _kept() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "lsi-match" / f"prefect-{prefect.__version__}.db"
