"""Serving the desk: on loopback only, on a port that is bound before anything is told, until the terminal ends it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from html import escape
from pathlib import Path

import uvicorn

from lsi_match.base.files import destroy, private_folder, write_whole
from lsi_match.desk.app import Desk
from lsi_match.desk.guard import Keys
from lsi_match.desk.operator_pages import work_in
from lsi_match.partner.home import Home
from lsi_match.partner.witness import Judging

#: In the user's folder while the desk runs: a page that leads to the entrance. The address of the entrance stands in no list
#: of processes, where others on the machine would read it.
ENTRANCE = "desk.html"


def serve(
    home: Path,
    clock: Callable[[], datetime],
    tell: Callable[[str, Path], None],
    judging: Judging | None = None,
    port: int = 0,
) -> None:
    """Serve the pages over `home` until interrupted.

    Args:
        clock: gives the time, in UTC.
        tell: is told the address to begin at, and the file that leads there, once the port is bound.
        judging: gives what judges a log again before it is co-signed.
        port: 0 for any that is free.

    Raises:
        FileMissingError, CardUnreadableError: `home` is no folder of a party.
    """
    work = work_in(Home.of(home))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.bind(("127.0.0.1", port))
        bound.listen()
        keys = Keys(port=bound.getsockname()[1])
        desk = Desk(work, keys, clock, judging)
        entrance = private_folder(home) / ENTRANCE
        address = escape(keys.entrance, quote=True)
        page = f'<!doctype html><title>lsi-match</title><meta http-equiv="refresh" content="0; url={address}"><a href="{address}">lsi-match</a>'
        write_whole(entrance, page.encode(), replace=True)
        tell(keys.entrance, entrance)
        # No page address in a log: names of projects and rounds stand in them.
        settings = uvicorn.Config(
            desk.app(), access_log=False, log_level="critical", lifespan="off", server_header=False
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends as with Ctrl-C
        try:
            with suppress(KeyboardInterrupt):
                uvicorn.Server(settings).run(sockets=[bound])
        finally:
            desk.verifier.close()
            if entrance.exists():
                destroy(entrance)
