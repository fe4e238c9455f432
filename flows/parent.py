"""The parent of runs: it loads Prefect and the engines once, and forks a process for every run, before any data is there.

`python -m lsi_match.flows.parent --home DIR --control FD` serves the one process that started it
(`lsi_match.matcher.operate.runner`), with a Prefect server of its own whose database is in DIR. With `--listen FD` it
serves whoever of this user connects to the service of a site, and uses the server of that.

What it forks is told names, writes to the descriptors of who asked, and ends with the connection that it was asked
over. The parent opens no file of a project, has no keys, and starts no thread: a fork copies only the thread that asks
for it, so whatever the engines do in others has to begin in the child.

Before Prefect is loaded, a child looks whether the run is certain to be refused (`matcher.round.readiness`).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import runpy
import secrets
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from lsi_match.crypto import passphrase
from lsi_match.flows.database import make_usable
from lsi_match.flows.settings import end_with_parent, environment, private_process
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate.run_parent import LARGEST, of_this_user

#: The status of a child that looked and found nothing that is certain to refuse the run.
_GO_ON = 77
_OF_RUNS = ("lsi_match.flows.match", "lsi_match.matcher.operate.events_file")
_OF_LOOKS = ("lsi_match.flows.operate", "prefect.engine")
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


class _InChild(BaseException):
    """Leaves the loop of the parent, in a process that it forked. `args`: what that is to do."""


class Parent:
    """The loop of the parent.

    Args:
        front: what requests come over.
        home: the folder of a Prefect server of its own; None uses the server that the settings name.
    """

    def __init__(self, front: socket.socket, home: Path | None) -> None:
        self._front = front
        self._home = home
        self._server: int | None = None
        self._loaded = False
        #: What was forked, by the descriptor of its process: its id, and who asked for it while that is there.
        self._running: dict[int, tuple[int, socket.socket | None]] = {}

    def serve(self) -> None:
        """Fork for every request, until the other end of `front` is closed; then end what is left.

        Raises:
            _InChild: in each process that was forked.
        """
        if self._home is None:
            self._load((*_OF_RUNS, *_OF_LOOKS))
        front = self._front.fileno()
        while True:
            askers = {asker.fileno(): child for child, (_, asker) in self._running.items() if asker}
            ready, _, _ = select.select([front, *askers, *self._running], [], [])
            for child in [one for one in ready if one in self._running]:
                self._ended(child)
            for child in [askers[one] for one in ready if one in askers and askers[one] in self._running]:
                self._end(child)
            if front in ready:
                try:
                    asker = self._next()
                except EOFError:
                    return self._stop()
                if asker is not None:
                    self._answer(asker)

    def _next(self) -> socket.socket | None:
        """The connection of the next request; None of another user's. Raises EOFError when no more come."""
        if self._home is None:
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
        code = _GO_ON
        if not self._loaded:
            looking = self._fork(lambda: _look(request, descriptors), descriptors)
            code = os.waitstatus_to_exitcode(os.waitpid(looking, 0)[1])
            if code == _GO_ON:
                self._prepare(request, descriptors)
        if code == _GO_ON:
            pid = self._fork(lambda: _do(request, descriptors), descriptors)
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
        raise _InChild(work)

    def _prepare(self, request: dict[str, Any], descriptors: Sequence[int]) -> None:
        """Load everything, beside a server of its own that starts."""
        assert self._home is not None
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        problem = make_usable(self._home)
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        # Both ends get these from here: nobody else knows the password, or could have had the port before.
        auth = f"lsi:{secrets.token_urlsafe(24)}"
        os.environ |= {
            "PREFECT_API_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/api",
            "PREFECT_API_AUTH_STRING": auth,
            "PREFECT_SERVER_API_AUTH_STRING": auth,
        }
        import_module("prefect")
        self._server = self._fork(lambda: _be_server(listener, descriptors), ())
        listener.close()
        self._load(_OF_RUNS)
        if problem:
            from lsi_match.base.clock import utc_now
            from lsi_match.matcher.operate import events_file

            told: events_file.Event = {
                "event": "prefect database set aside",
                "reason": problem,
                "about": request["round"],
            }
            events_file.append(Path(request["site"]), request["project"], [told], utc_now())

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

    def _end(self, child: int) -> None:
        """Who asked for it is gone."""
        pid, asker = self._running[child]
        if asker:
            asker.close()
        self._running[child] = (pid, None)
        os.kill(pid, signal.SIGTERM)

    def _stop(self) -> None:
        for pid, _ in self._running.values():
            os.kill(pid, signal.SIGKILL)
        if self._server is not None:
            os.kill(self._server, signal.SIGTERM)
            os.waitpid(self._server, 0)


def _reply(asker: socket.socket, code: int) -> None:
    with asker:
        try:
            asker.send(str(code).encode())
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


def _do(request: dict[str, Any], descriptors: Sequence[int]) -> int:
    if "engine" in request:  # a flow that is due
        os.environ |= request["engine"]
        sys.argv = ["prefect.engine"]
        runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
        return 0
    from lsi_match.flows.match import run
    from lsi_match.flows.steps import tell

    _use_passphrase(descriptors)
    config = ExecutionConfig.model_validate_json(request["config"])
    outcome = run(Path(request["site"]), request["project"], request["round"], config)
    tell(outcome)
    return 0 if outcome["state"] == "released" else 1


def _use_passphrase(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors[2:]:
        passphrase.use(passphrase.from_descriptor(descriptor))


def _be_server(listener: socket.socket, descriptors: Sequence[int]) -> int:
    for descriptor in descriptors:  # who asked for a run waits until they are closed
        os.close(descriptor)
    from lsi_match.flows.server import serve

    serve(listener)
    return 0


def main() -> int:
    """Serve as a parent, or, in what it forked, do the work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--control", type=int)
    parser.add_argument("--listen", type=int)
    options = parser.parse_args()
    private_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked, who then closes the connection
    if options.home is not None:
        settings = environment(options.home)
        os.environ.clear()
        os.environ |= settings
    front = socket.socket(fileno=options.control if options.listen is None else options.listen)
    try:
        Parent(front, options.home).serve()
        return 0
    except _InChild as child:
        (work,) = child.args
    return int(work())


if __name__ == "__main__":
    # By the name under which others find it: what is pickled from `__main__` takes along all that it names.
    from lsi_match.flows.parent import main as under_its_name

    sys.exit(under_its_name())
