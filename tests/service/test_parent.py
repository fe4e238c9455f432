"""The parent of runs can fork safely, what it forks ends with who asked for it, and what is refused needs no Prefect."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from operation import ROUND, Operation

from lsi_match.cli import main
from lsi_match.flows.settings import environment
from lsi_match.matcher.operate import run_parent, runner
from lsi_match.matcher.operate.runner import Runs

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join(str(ROOT / folder) for folder in ("src", ".", "tests"))

THREADS = """
import os
from importlib import import_module
from lsi_match.flows import parent
for name in (parent._OF_A_LOOK, *parent._OF_RUNS, *parent._OF_LOOKS, *parent._OF_STEPS):
    import_module(name)
print(len(os.listdir("/proc/self/task")))
"""

#: A parent that loads nothing, with the socket of a server, of processes that say who they are and wait; one that is asked to
#: outlive its parent does not end with it.
WAITING = """
import ctypes, os, socket, sys, time
from lsi_match.flows import parent
def wait(request, descriptors, shown):
    if request.get("outlive"):
        ctypes.CDLL(None).prctl(1, 0)
    print(os.getpid(), PORT, sep="\\n", flush=True)
    time.sleep(600)
    return 0
parent._do = wait
make = parent.Parent.__init__
def made(self, *arguments):
    global PORT
    make(self, *arguments)
    self._loaded = True
    self._listener = socket.create_server(("127.0.0.1", 0))
    PORT = self._listener.getsockname()[1]
parent.Parent.__init__ = made
sys.exit(parent.main())
"""


def test_what_the_parent_loads_starts_no_thread(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS], env=environment(tmp_path) | {"PYTHONPATH": PATHS}, capture_output=True, text=True
    )  # fmt: skip
    assert done.stdout.strip() == "1", done.stderr[-2000:]


@contextmanager
def waiting(
    home: Path, **request: bool
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, TextIO, int, int]]:
    """A parent, a connection to it over which it forked a process, what that writes, its id, and the port of the server."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-c", WAITING, "--home", str(home), "--control", str(there.fileno())]
    with (
        here,
        subprocess.Popen(
            command, pass_fds=[there.fileno()], env=os.environ | {"PYTHONPATH": PATHS}
        ) as parent,
    ):
        there.close()
        line, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(here, [b"+"], [end.fileno()])
        end.close()
        reading, writing = os.pipe()
        run_parent.ask(line, request, [writing, 2])
        os.close(writing)
        with os.fdopen(reading) as lines:
            try:
                yield parent, line, lines, int(lines.readline()), int(lines.readline())
            finally:
                here.close()


def test_a_process_ends_when_who_asked_for_it_is_gone(tmp_path: Path) -> None:
    with waiting(tmp_path) as (parent, line, lines, pid, _):
        line.close()
        assert lines.read() == ""  # it has ended
        assert pid != parent.pid
        assert parent.poll() is None


def test_a_process_that_was_killed_is_told_and_the_parent_goes_on(tmp_path: Path) -> None:
    with waiting(tmp_path) as (parent, line, _, pid, _):
        os.kill(pid, signal.SIGKILL)
        assert run_parent.status(line) == -signal.SIGKILL
        assert parent.poll() is None


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    with waiting(tmp_path) as (parent, line, lines, _, _):
        parent.kill()
        assert lines.read() == ""
        assert run_parent.status(line) is None


def test_the_port_that_a_process_speaks_to_is_nobody_elses_for_as_long_as_it_lives(tmp_path: Path) -> None:
    """Its parent and the server are gone; what it says to them then, password and all, would go to who has the port."""
    with waiting(tmp_path, outlive=True) as (parent, _, lines, pid, port):
        parent.kill()
        parent.wait()
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                stranger.bind(("127.0.0.1", port))
        os.kill(pid, signal.SIGKILL)
        assert lines.read() == ""
        until = time.monotonic() + 10  # a process that is killed closes one thing after another
        while True:
            try:
                socket.create_server(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < until, "the port of a process that is gone stays taken"


def test_a_run_is_refused_and_logged_before_prefect_is_loaded(
    operation: Operation, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its round is open by its own clock; by ours it lacks drops, or its time is over. Prefect leaves no trace."""
    site, before = operation.world.site.folder, len(operation.project.entries())
    assert main.run(["match", "run", str(site), operation.project.id, ROUND, "--lang", "en"]) == 1
    said = capfd.readouterr().err
    assert said.startswith(f"Round {ROUND} of {operation.project.id}")
    added = operation.project.entries()[before:]
    assert added, said
    assert added[-1].status == "Unset"
    assert not (site / "prefect").exists()


def test_a_parent_that_does_not_start_is_a_run_that_broke_off(
    operation: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PARENT", "no.such.module")
    with Runs(tmp_path / "prefect") as runs:
        outcome = runs.run(operation.world.site.folder, operation.project.id, ROUND)
    assert outcome["state"] == "broken"
    assert "no.such" in outcome["errors"] or "No module" in outcome["errors"]
