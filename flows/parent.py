"""The parent of runs: it loads Prefect and the engines once, and forks a process for every run, before any data is there.

`python -m lsi_match.flows.parent --home DIR --control FD` serves the one process that started it
(`lsi_match.matcher.operate.runner`). With `--listen FD --server FD --told FD` it serves whoever of this user connects to
the service of a site (`lsi_match.flows.service`).

Its Prefect server, whose database is in DIR, is forked as well, and once more when it ends. The socket of the server is
there before the server is, and its password is made here at every start, so that nobody can stand between; it is in no
file and no environment that was given to a process. Whoever is told where the server is keeps that socket for as long as
it lives, so that no port it speaks to can become somebody else's.

What it forks is told names, writes to the descriptors of who asked, and ends with the connection that it was asked
over. The parent opens no file of a project, has no keys, and starts no thread: a fork copies only the thread that asks
for it, so whatever the engines do in others has to begin in the child.

Before Prefect is loaded for a command, a child looks whether the run is certain to be refused
(`matcher.round.readiness`).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import secrets
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from lsi_match.base.errors import LsiError
from lsi_match.crypto import passphrase
from lsi_match.flows.database import FILE, make_usable, usable
from lsi_match.flows.settings import access, end_with_parent, environment, private_process
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate.run_parent import LARGEST, of_this_user

#: The status of a child that looked and found nothing that is certain to refuse the run.
_GO_ON = 77
_OF_A_LOOK = "lsi_match.matcher.round.readiness"
_OF_RUNS = ("lsi_match.flows.match", "lsi_match.matcher.operate.events_file")
_OF_LOOKS = ("lsi_match.flows.looks",)
#: What a run would load while it is at it, where it is installed.
_OF_STEPS = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "anyio._backends._asyncio",
    "fastapi.encoders",
    "pandas",
    "securesystemslib.dsse",
)


#: How often (seconds) the database of the server is looked at, and within how long so many of its servers may end.
_DATABASE_EVERY = 300.0
_OFTEN, _MOST = 60.0, 3


class ServerEndsError(LsiError): ...


class _InChild(BaseException):
    """Leaves the loop of the parent, in a process that it forked. `args`: what that is to do, and the socket of the server,
    which it keeps."""


class Parent:
    """The loop of the parent.

    Args:
        front: what requests come over.
        home: the folder of its Prefect server.
        listener: the socket of that server, when it is of a service, which takes requests of this user; without it
            one is opened when the first request comes.
        told: is written the address of the server, when that has started.
    """

    def __init__(
        self, front: socket.socket, home: Path, listener: socket.socket | None = None, told: int | None = None
    ) -> None:
        self._front = front
        self._home = home
        self._site = home.parent
        self._listener = listener
        self._of_a_service = listener is not None
        self._told = told
        self._auth = f"lsi:{secrets.token_urlsafe(24)}"
        #: What a client of the server is told, as settings of Prefect.
        self._access: dict[str, str] = {}
        #: The descriptor of the process of the server, and when servers were started of late.
        self._server: int | None = None
        self._starts: list[float] = []
        self._look_at = time.monotonic() + _DATABASE_EVERY
        self._loaded = False
        #: What was forked, by the descriptor of its process: its id, and who asked for it while that is there.
        self._running: dict[int, tuple[int, socket.socket | None]] = {}

    def serve(self) -> None:
        """Fork for every request, until the other end of `front` is closed; then end what is left.

        Raises:
            ServerEndsError: servers end as soon as they are started.
            _InChild: in each process that was forked.
        """
        try:
            if self._of_a_service:
                self._prepare((*_OF_RUNS, *_OF_LOOKS))
            while self._turn():
                pass
        finally:
            self._stop()

    def _turn(self) -> bool:
        """Do what there is to do now, or wait for it; whether more can come."""
        front = self._front.fileno()
        askers = {asker.fileno(): child for child, (_, asker) in self._running.items() if asker}
        seconds = max(self._look_at - time.monotonic(), 0.0)
        ready, _, _ = select.select([front, *askers, *self._running], [], [], seconds)
        if time.monotonic() >= self._look_at:
            self._look_at_database()
        for child in [one for one in ready if one in self._running]:
            self._ended(child)
        for child in [askers[one] for one in ready if one in askers and askers[one] in self._running]:
            self._end(child)
        if front in ready:
            try:
                asker = self._next()
            except EOFError:
                return False
            if asker is not None:
                self._answer(asker)
        return True

    def _next(self) -> socket.socket | None:
        """The connection of the next request; None of another user's. Raises EOFError when no more come."""
        if self._of_a_service:
            asker, _ = self._front.accept()
            if of_this_user(asker):
                return asker
            asker.close()
            return None
        _, descriptors, _, _ = socket.recv_fds(self._front, 1, 1)
        if not descriptors:
            raise EOFError
        return socket.socket(fileno=descriptors[0])

    def _answer(self, asker: socket.socket) -> None:
        asker.settimeout(5)
        try:
            data, descriptors, _, _ = socket.recv_fds(asker, LARGEST, 3)
            request: dict[str, Any] = json.loads(data)
        except (OSError, ValueError):
            asker.close()
            return
        if "api" in request:
            assert self._listener is not None
            _reply(asker, json.dumps(self._access), [self._listener.fileno()])
            return
        code = _GO_ON
        if not self._loaded:
            self._site = Path(request["site"])
            import_module(_OF_A_LOOK)  # here, for the run that may follow as well
            looking = self._fork(lambda: _look(request, descriptors), descriptors)
            code = os.waitstatus_to_exitcode(os.waitpid(looking, 0)[1])
            if code == _GO_ON:
                self._prepare(_OF_RUNS, descriptors)
        if code == _GO_ON:
            shown = self._of_a_service
            pid = self._fork(lambda: _do(request, descriptors, shown), descriptors)
            self._running[os.pidfd_open(pid)] = (pid, asker)
        else:
            _reply(asker, code)
        for descriptor in descriptors:
            os.close(descriptor)

    def _fork(self, work: Callable[[], int], descriptors: Sequence[int]) -> int:
        if pid := os.fork():
            return pid
        end_with_parent()
        for number, descriptor in enumerate(descriptors[:2], 1):
            os.dup2(descriptor, number)
        self._front.close()
        for child, (_, asker) in self._running.items():
            os.close(child)
            if asker:
                asker.close()
        self._running.clear()  # they are none of the child's
        self._server = None
        raise _InChild(work, self._listener)

    def _prepare(self, modules: Sequence[str], descriptors: Sequence[int] = ()) -> None:
        """Load everything, beside a server that starts."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listener = self._listener or socket.create_server(("127.0.0.1", 0), backlog=128)
        # Only now: what a process was given as its environment can be read for as long as it is there.
        self._access = access(f"http://127.0.0.1:{self._listener.getsockname()[1]}/api", self._auth)
        os.environ |= {**self._access, "PREFECT_SERVER_API_AUTH_STRING": self._auth}
        import_module("prefect")
        self._start_server(descriptors)
        self._load(modules)

    def _start_server(self, descriptors: Sequence[int] = ()) -> None:
        now = time.monotonic()
        self._starts = [*(at for at in self._starts if now - at < _OFTEN), now]
        if len(self._starts) > _MOST:
            raise ServerEndsError(times=_MOST, folder=str(self._home))
        if self._keeps_file and (problem := make_usable(self._home)):
            from lsi_match.base.clock import utc_now
            from lsi_match.matcher.operate import events_file

            told: events_file.Event = {"event": "prefect database set aside", "reason": problem}
            events_file.append(self._site, events_file.SITE, [told], utc_now())
        pid = self._fork(lambda: self._be_server(descriptors), ())
        self._server = os.pidfd_open(pid)
        self._running[self._server] = (pid, None)

    def _be_server(self, descriptors: Sequence[int]) -> int:
        for descriptor in descriptors:  # who asked for a run waits until they are closed
            os.close(descriptor)
        from lsi_match.flows.server import serve

        assert self._listener is not None
        serve(self._listener, self._auth, self._tell)
        return 0

    def _tell(self) -> None:
        if self._told is not None:
            with suppress(OSError):
                os.write(self._told, self._access["PREFECT_API_URL"].encode())

    @property
    def _keeps_file(self) -> bool:
        return "PREFECT_SERVER_DATABASE_CONNECTION_URL" not in os.environ

    def _look_at_database(self) -> None:
        """End a server of which the database went bad: the next has another."""
        self._look_at = time.monotonic() + _DATABASE_EVERY
        if self._server is not None and self._keeps_file and not usable(self._home / FILE):
            os.kill(self._running[self._server][0], signal.SIGTERM)

    def _load(self, modules: Sequence[str]) -> None:
        for name in modules:
            import_module(name)
        for name in _OF_STEPS:
            with suppress(ImportError):
                import_module(name)
        gc.freeze()  # so that what it forks goes on sharing it
        self._loaded = True

    def _ended(self, child: int) -> None:
        pid, asker = self._running.pop(child)
        os.close(child)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if asker:
            _reply(asker, code)
        if child == self._server:
            self._start_server()

    def _end(self, child: int) -> None:
        """Who asked for it is gone."""
        pid, asker = self._running[child]
        if asker:
            asker.close()
        self._running[child] = (pid, None)
        os.kill(pid, signal.SIGTERM)

    def _stop(self) -> None:
        for child, (pid, _) in self._running.items():
            os.kill(pid, signal.SIGTERM if child == self._server else signal.SIGKILL)
        if self._server is not None:
            os.waitpid(self._running[self._server][0], 0)


def _reply(asker: socket.socket, answer: int | str, descriptors: Sequence[int] = ()) -> None:
    with asker:
        try:
            socket.send_fds(asker, [str(answer).encode()], descriptors)
        except OSError:
            return  # nobody waits for it any more


# in a child


def _look(request: dict[str, Any], descriptors: Sequence[int]) -> int:
    """Whether the run is certain to be refused; if so, it is."""
    from lsi_match.base.clock import utc_now
    from lsi_match.base.errors import LsiError
    from lsi_match.matcher.round.readiness import is_refused
    from lsi_match.matcher.site.site import Site

    site, project, round_id = Path(request["site"]), request["project"], request["round"]
    try:
        if not is_refused(Site(site).project(project), round_id, utc_now()):
            return _GO_ON
    except LsiError:
        pass  # the run says so itself
    from lsi_match.flows.steps import refuse, tell

    _use_passphrase(descriptors)
    outcome = refuse(site, project, round_id, ExecutionConfig.model_validate_json(request["config"]))
    if outcome is None:
        return _GO_ON
    tell(outcome)
    return 1


def _do(request: dict[str, Any], descriptors: Sequence[int], shown: bool) -> int:
    if "look" in request:  # that was done, to be shown
        from lsi_match.flows.looks import show

        show(request["look"])
        return 0
    from lsi_match.flows.match import run
    from lsi_match.flows.steps import tell

    _use_passphrase(descriptors)
    config = ExecutionConfig.model_validate_json(request["config"])
    outcome = run(Path(request["site"]), request["project"], request["round"], config, shown=shown)
    tell(outcome)
    return 0 if outcome["state"] == "released" else 1


def _use_passphrase(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors[2:]:
        passphrase.use(passphrase.from_descriptor(descriptor))


def main() -> int:
    """Serve as a parent, or, in what it forked, do the work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--control", type=int)
    parser.add_argument("--listen", type=int)
    parser.add_argument("--server", type=int)
    parser.add_argument("--told", type=int)
    parser.add_argument("--database")
    options = parser.parse_args()
    private_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked, who then closes the connection
    settings = environment(options.home)
    if options.database:
        settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = options.database
    os.environ.clear()
    os.environ |= settings
    front = socket.socket(fileno=options.control if options.listen is None else options.listen)
    listener = None if options.server is None else socket.socket(fileno=options.server)
    try:
        Parent(front, options.home, listener, options.told).serve()
        return 0
    except ServerEndsError as error:
        print(error.text("en"), file=sys.stderr)
        return 1
    except _InChild as child:
        work, _kept = child.args
    return int(work())


if __name__ == "__main__":
    # By the name under which others find it: what is pickled from `__main__` takes along all that it names.
    from lsi_match.flows.parent import main as under_its_name

    sys.exit(under_its_name())
