"""The processes of a matching site, at a told time, each of which can be killed in the middle of what it does.

`SiteProcess` starts this module once. It loads the program, and forks for every look: a process that looks, and one of
its own for every run, as in operation. A `Kill` ends a process with SIGKILL just before its nth effect on anything
outside itself: a file made, filled, renamed or removed, a statement written to the log, a file given to a place. Or the disk
refuses that effect, with an error of the system, and perhaps all that come after it.
The effects come in the same order every time, so the same number kills at the same point.
"""

from __future__ import annotations

import base64
import errno
import gc
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from operation import Operation

ROOT = Path(__file__).parents[1]
STEPS = ("gates", "intake", "match", "count", "release", "destroy")
_LOADED = (
    "lsi_match.cli.match",
    "lsi_match.matcher.operate.reconcile",
    "operation",
    "paramiko",
    "s3fs",
    "pandas",
    "scipy.stats",
    "securesystemslib.dsse",
    "zoneinfo._common",
)
_STATEMENTS = ("BEGIN I", "INSERT", "UPDATE", "DELETE", "COMMIT")
_CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"})


@dataclass(frozen=True)
class Kill:
    """Kill process `who` before its effect number `at`: the look, the run, or (`machine`) both when the look comes to it.

    With `error` (`ENOSPC`) nothing is killed: the disk says so to that effect, or with `lasts` to all from that one on."""

    who: Literal["look", "run", "machine", "partner"]
    at: int
    error: str | None = None
    lasts: bool = False


class SiteProcess:
    """A parent of the processes of a site; ends with its `with` block."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(ROOT / "tests")])},
        )  # fmt: skip

    def __enter__(self) -> SiteProcess:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait(timeout=60)

    def look(
        self, site: Path, now: datetime, kill: Kill | None = None, *, doubt: bool = False, **limits: int
    ) -> dict[str, Any]:
        """One look at every project: what was done, as `lsi-match match watch --json` tells it, with the number of
        effects; or only `killed`.

        Args:
            doubt: a clock that leaps ahead by days; without it somebody says that it is right.
            limits: of the operating system, by name in the module `resource` (`RLIMIT_FSIZE`).
        """
        request = {
            "site": str(site), "now": now.isoformat(), "kill": asdict(kill) if kill else None, "limits": limits,
            "clock_is_right": not doubt,
        }  # fmt: skip
        return self._ask(request)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(request) + "\n")
        self._parent.stdin.flush()
        answer: dict[str, Any] = json.loads(self._parent.stdout.readline())
        return answer

    def partner(
        self, operation: Operation, does: str, *about: str, kill: Kill | None = None
    ) -> dict[str, Any]:
        """A method of `operation` in a process of a partner, with the number of its effects; or only `killed`."""
        request = {
            "operation": base64.b64encode(pickle.dumps(operation)).decode(), "does": does, "about": about,
            "kill": kill and asdict(kill), "site": str(operation.world.site.folder), "limits": {},
        }  # fmt: skip
        return self._ask(request)


class Fuse:
    """Counts effects, and kills when their number is reached."""

    def __init__(self, who: str, kill: dict[str, Any]) -> None:
        mine = kill.get("who") in (who, "machine" if who == "look" else "")
        self.count, self._at, self._everybody = 0, kill["at"] if mine else None, kill.get("who") == "machine"
        self._error: str | None = kill.get("error")
        self._lasts: bool = kill.get("lasts", False)

    def __call__(self, *, of_log: bool = False) -> None:
        self.count += 1
        if self._at is None or not (self.count == self._at or (self._lasts and self.count > self._at)):
            return
        if self._error is None:
            os.kill(0 if self._everybody else os.getpid(), signal.SIGKILL)
        elif of_log:
            full = self._error in ("ENOSPC", "EDQUOT")
            refused = sqlite3.OperationalError("the disk refuses it")
            refused.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_IOERR_WRITE"
            raise refused
        else:
            number = getattr(errno, self._error)
            raise OSError(number, os.strerror(number))

    def lay(self) -> None:
        """From now on, every effect of this process counts."""
        from lsi_match.base import guarded_folder
        from lsi_match.log import log_file
        from lsi_match.transport import endpoints

        sys.addaudithook(self._event)
        # What a process wrote outlives it; only a machine that stops needs the wait for the disk.
        os.fsync = self._before(lambda descriptor: None)
        guarded_folder._rename = self._before(guarded_folder._rename)
        for kind in (endpoints._Sftp, endpoints._Bucket):
            kind.put, kind.remove = self._before(kind.put), self._before(kind.remove)
        connect = log_file.connect

        def connected(path: Path, *, read_only: bool = False) -> Any:
            connection = connect(path, read_only=read_only)
            connection.execute("PRAGMA synchronous = OFF")
            return connection

        fuse = self

        class Counted(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql.startswith(_STATEMENTS):
                    try:
                        fuse(of_log=True)
                    except sqlite3.OperationalError:
                        if self.in_transaction:  # as SQLite itself does
                            super().execute("ROLLBACK")
                        raise
                return super().execute(sql, *values)

            def executemany(self, sql: str, values: Any) -> sqlite3.Cursor:
                cursor = self.cursor()
                for one in values:
                    cursor = self.execute(sql, one)
                return cursor

        log_file.connect = connected
        log_file.sqlite3 = SimpleNamespace(
            **vars(sqlite3) | {"connect": partial(sqlite3.connect, factory=Counted)}
        )

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        written = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if event in _CHANGES or (written and not str(arguments[0]).startswith("/dev")):
            self()

    def _before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def after(*arguments: Any, **named: Any) -> Any:
            self()
            return function(*arguments, **named)

        return after


def look(request: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: one look, its runs in processes of their own."""
    from lsi_match.cli.match import _watched
    from lsi_match.matcher.operate.reconcile import reconcile_site
    from lsi_match.matcher.site.site import Project, Site

    kill, now = request["kill"] or {}, datetime.fromisoformat(request["now"])
    fuse = Fuse("look", kill)
    with runs(now, kill) as run_round:
        ran: list[dict[str, Any]] = []

        def run(project: Project, round_id: str) -> dict[str, object]:
            ran.append(run_round(str(project.site.folder), project.id, round_id))
            return ran[-1]

        fuse.lay()
        seen = reconcile_site(
            Site(Path(request["site"])), lambda: now, run, clock_is_right=request["clock_is_right"]
        )
        return {
            "projects": [_watched(one) for one in seen],
            "failed": any(s.failed for s in seen),
            "effects": fuse.count,
            "effects of runs": sum(one.get("effects", 0) for one in ran),
        }


@contextmanager
def runs(now: datetime, kill: dict[str, Any]) -> Iterator[Callable[[str, str, str], dict[str, Any]]]:
    """A process, made while this one has no threads yet, that runs rounds in processes of their own."""
    (ask_end, ask), (answer, answer_end) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ask), os.close(answer)  # type: ignore[func-returns-value]
        with os.fdopen(ask_end) as asked, os.fdopen(answer_end, "w") as answering:
            for line in asked:
                said = forked(lambda arguments: run(*arguments, now, kill), json.loads(line))
                try:
                    answering.write(json.dumps(said or {"state": "broken"}) + "\n")
                    answering.flush()
                except BrokenPipeError:
                    break
        os._exit(0)
    os.close(ask_end), os.close(answer_end)  # type: ignore[func-returns-value]
    with os.fdopen(ask, "w") as asking, os.fdopen(answer) as answers:

        def run_round(*arguments: str) -> dict[str, Any]:
            asking.write(json.dumps(arguments) + "\n")
            asking.flush()
            outcome: dict[str, Any] = json.loads(answers.readline())
            return outcome

        yield run_round
    os.waitpid(child, 0)


def run(site: str, project: str, round_id: str, now: datetime, kill: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: the steps of a run, as `lsi_match.flows.match` takes them, without Prefect."""
    from lsi_match.base.errors import LsiError, UnexpectedError
    from lsi_match.matcher.round.hold import RunHeldError
    from lsi_match.matcher.round.run import Run
    from lsi_match.matcher.site.site import Site

    fuse = Fuse("run", kill)
    fuse.lay()
    try:
        one = Run(Site(Path(site)).project(project), round_id, lambda: now)
        for step in STEPS[4:] if one.released else STEPS:
            getattr(one, step)()
        return {"state": "released", "effects": fuse.count}
    except RunHeldError:
        return {"state": "held", "effects": fuse.count}
    except LsiError as error:
        return {"state": "refused", "reason": error.reason}
    except Exception as error:
        return {"state": "refused", "reason": UnexpectedError.of(error).reason}


def forked(function: Callable[[Any], dict[str, Any]], argument: Any) -> dict[str, Any] | None:
    """What `function` gives in a process of its own; None when that was killed. Waits for everything it started."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        said = json.dumps(function(argument)).encode()
        while said:
            said = said[os.write(writer, said) :]
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()  # to the end: whoever is still there has it open
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    return json.loads(said)  # type: ignore[no-any-return]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    import resource

    os.setpgid(0, 0)
    for name, value in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    return partner(request) if "does" in request else look(request)


def partner(request: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: what a partner does."""
    operation = pickle.loads(base64.b64decode(request["operation"]))
    fuse = Fuse("partner", request["kill"] or {})
    fuse.lay()
    done = getattr(operation, request["does"])(*request["about"])
    return {"done": done if isinstance(done, int) else None, "effects": fuse.count}


def main() -> None:
    """Load what every process needs, once; then fork for every line."""
    for name in _LOADED:
        import_module(name)
    from lsi_match.matcher.site.site import Site

    gc.collect()
    gc.freeze()  # so that forks share what is loaded
    gc.disable()  # and none of them lives long
    for line in sys.stdin:
        request = json.loads(line)
        for project in Site(Path(request["site"])).projects():
            project.manifest()  # remembered, so that it is read once for all forks
        print(json.dumps(forked(answer, request) or {"killed": True}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
