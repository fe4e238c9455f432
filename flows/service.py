"""The service of a site: it looks at every project in time, and keeps a part with Prefect beside it that runs rounds and
shows what was done.

`python -m lsi_match.flows.service --site DIR`. A look is a process that this one forks: every ten minutes for each project,
not for all at the same minute, when a round is to open, and no more than some at once. It needs no Prefect. What has to be
run is asked of the part with Prefect (`lsi_match.flows.parent`): a process that loaded it, with a server on a socket of this
machine that is opened here, once. When that part ends it is started again, each time later while it does not last; when it
does not come, that is told (the alarm `service`), and looks go on: what has to be run then starts a Prefect of its own.

What happens is decided by the manifests and the log. A run that broke off is begun again, or was done, as the log says.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from zlib import crc32

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.base.files import lock_file, private_folder, write_whole
from lsi_match.crypto import passphrase
from lsi_match.flows.settings import end_with_parent, private_process
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate import events_file, run_parent, runner
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.observed_state import PART_STOPPED
from lsi_match.matcher.operate.reconcile import (
    ProjectBusyError,
    ReconcileResult,
    reconcile_begun,
    reconcile_whole,
)
from lsi_match.matcher.operate.runner import Runs
from lsi_match.matcher.site.site import Project, Site

LOOPBACK = "127.0.0.1"
#: How often (seconds) a project is looked at, and at how many at once: one that runs a round takes as long as that does.
EVERY = 600
AT_ONCE = 8
#: How often (seconds) it is asked what is due: rounds open at a minute.
TICK = 60
#: How often (ticks) metrics are written: what they tell changes by a look, once in ten minutes, or by the clock.
_MEASURE_EVERY = 5
#: How long the part with Prefect has to be there to have lasted, after how many that did not it is told, and the longest
#: wait before the next.
_LASTED, _TOLD_AFTER, _LONGEST_WAIT = 600.0, 3, 600.0
_LOG_SIZE = 20 * 2**20
#: After how many times that they were to be written the process that writes metrics hangs.
_HANGS = 2
#: What looks would load while they are at it, where it is installed.
_OF_LOOKS = ("paramiko", "s3fs", "scipy.special", "prometheus_client", "zoneinfo._common")


class Part:
    """The part with Prefect.

    Args:
        listener: the socket of its server.
        database: of its server; None is a file.
        log: what it writes.
    """

    def __init__(self, site: Path, listener: socket.socket, database: str | None, log: int) -> None:
        self._site, self._listener, self._database, self._log = site, listener, database, log
        self._process: subprocess.Popen[bytes] | None = None
        self._told: int | None = None
        self._began = 0.0
        self._failures = 0
        #: When it is to be started.
        self.due = 0.0

    def tend(self) -> None:
        """Take note of its end, and start it when its time has come."""
        now = time.monotonic()
        if self._process is not None and self._process.poll() is not None:
            self._ended(now)
        if self._process is None and now >= self.due:
            try:
                self._start(now)
            except OSError:
                self._failed(now, now)
                raise

    def waits_on(self) -> list[int]:
        """The descriptor that tells something when it has started, or has ended."""
        return [] if self._told is None else [self._told]

    def started(self) -> str | None:
        """The address of its server, once it has one; asked when its descriptor is ready."""
        assert self._told is not None
        address = os.read(self._told, 200).decode()
        if not address:  # it has ended
            os.close(self._told)
            self._told = None
            return None
        stopped = self._site / PART_STOPPED
        if stopped.exists():
            stopped.unlink()
            self._tell("started")
        return address

    def _start(self, now: float) -> None:
        with run_parent.listen(run_parent.socket_of(self._site)) as front:
            told, telling = os.pipe()
            given = [front.fileno(), self._listener.fileno(), telling]
            command = [sys.executable, "-m", runner.PARENT, "--home", str(self._site / "serve")]
            for name, descriptor in zip(("--listen", "--server", "--told"), given, strict=True):
                command += [name, str(descriptor)]
            command += ["--database", self._database] if self._database else []
            try:
                self._process = subprocess.Popen(
                    command, pass_fds=given, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                    cwd=self._site / "serve", start_new_session=True, preexec_fn=end_with_parent,
                )  # fmt: skip
            except OSError:
                os.close(told)
                raise
            finally:
                os.close(telling)
        self._told, self._began = told, now

    def _ended(self, now: float) -> None:
        assert self._process is not None
        code, self._process = self._process.returncode, None
        self._tell("ended", status=code)
        self._failed(now, self._began)

    def _failed(self, now: float, began: float) -> None:
        """Say when it is started again, and tell it when it does not last."""
        self._failures = 1 if now - began >= _LASTED else self._failures + 1
        self.due = now + min(2.0 ** min(self._failures - 1, 20), _LONGEST_WAIT)
        run_parent.socket_of(self._site).unlink(missing_ok=True)  # so that nobody waits there
        stopped = self._site / PART_STOPPED
        if self._failures >= _TOLD_AFTER and not stopped.exists():
            write_whole(stopped, json.dumps({"since": utc_now().isoformat()}).encode())

    def _tell(self, how: str, **facts: int) -> None:
        event: events_file.Event = {"event": f"part {how}", "part": "prefect", **facts}
        with suppress(OSError):
            events_file.append(self._site, events_file.SITE, [event], utc_now())

    def end(self) -> None:
        """End it and what it forked, and wait until the last of them, which all have the other end of what it tells over, is
        gone: the port is its own till then."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        while self._told is not None and select.select([self._told], [], [], 20)[0]:
            self.started()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Service:
    """The loop of the service."""

    def __init__(self, site: Path, part: Part, memory_limit: str | None, lang: str, log: int) -> None:
        self._site, self._part, self._limit, self._lang, self._log = site, part, memory_limit, lang, log
        #: What was forked, by the descriptor of its process: its id and name, that of a project or "" for metrics.
        self._running: dict[int, tuple[int, str]] = {}
        self._looked: dict[str, datetime] = {}
        #: At which of those ticks metrics were last to be written, and when that was begun.
        self._measured = self._measuring = -1
        # An exception of a handler can get lost in what it interrupts; what is written does not.
        self._told_to_stop, stop = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.write(stop, b"."))

    def serve(self) -> None:
        """Look and tend, until SIGTERM or SIGINT."""
        going_on = True
        while going_on:
            now = utc_now()
            for work in (self._part.tend, partial(self._start_looks, now), partial(self._measure_at, now)):
                self._whatever_happens(work)
            going_on = self._wait(now)

    def _whatever_happens(self, work: Callable[[], object]) -> None:
        """Do what can be done; what cannot now (no process, no descriptor, no room on the disk) does not end the service: it is
        told, and tried again at the next tick."""
        try:
            work()
        except Exception as error:
            told = UnexpectedError.of(error)
            print(told.text("en"), file=sys.stderr, flush=True)
            with suppress(OSError):
                event: events_file.Event = {"event": "service stumbled", "reason": told.reason}
                events_file.append(self._site, events_file.SITE, [event], utc_now())

    def _measure_at(self, now: datetime) -> None:
        """Each so many ticks write the metrics, by a process of its own, which is ended when it hangs."""
        tick = int(now.timestamp() // (TICK * _MEASURE_EVERY))
        if tick == self._measured:
            return
        self._measured = tick
        for pid, name in self._running.values():
            if name == "" and tick - self._measuring > _HANGS:
                os.kill(pid, signal.SIGKILL)
        if "" not in self._at_it():
            self._measuring = tick
            self._fork("", self._measure)
        self._keep_log_small()

    def end(self) -> None:
        """End what was forked."""
        for pid, _ in self._running.values():
            os.kill(pid, signal.SIGTERM)
        for pid, _ in self._running.values():
            os.waitpid(pid, 0)

    def _wait(self, now: datetime) -> bool:
        """Until something ended or started, or the next tick; whether it is to go on."""
        seconds = TICK - now.timestamp() % TICK
        if (due := self._part.due - time.monotonic()) > 0:  # it is started again then
            seconds = min(seconds, due)
        told = self._part.waits_on()
        ready, _, _ = select.select([*self._running, *told, self._told_to_stop], [], [], seconds)
        for descriptor in ready:
            if descriptor in told:
                self._whatever_happens(lambda: self._say(self._part.started()))
            elif descriptor in self._running:
                self._ended(descriptor)
        return self._told_to_stop not in ready

    def _say(self, url: str | None) -> None:
        if url is None:
            return
        names = ", ".join(project.id for project in Site(self._site).projects()) or "-"
        said = {
            "nl": f"Draait op {url}; projecten: {names}. Stoppen: Ctrl-C.",
            "en": f"Serving at {url}; projects: {names}. Stop: Ctrl-C.",
        }
        print(said[self._lang], flush=True)

    def _start_looks(self, now: datetime) -> None:
        busy = self._at_it()
        for project in Site(self._site).projects():
            may = len(busy) < AT_ONCE and project.id not in busy
            if may and is_due(project, self._looked.get(project.id), now):
                self._fork(project.id, partial(self._look, project))
                self._looked[project.id] = now
                busy = self._at_it()
        for project in Site(self._site).begun():
            last = self._looked.get(project.id)
            if project.id not in busy and (
                last is None or _period(project.id, last) != _period(project.id, now)
            ):
                self._looked[project.id] = now
                self._fork(project.id, partial(reconcile_begun, project, now))

    def _at_it(self) -> set[str]:
        return {name for _, name in self._running.values()}

    def _fork(self, name: str, work: Callable[[], object]) -> None:
        pid = os.fork()
        if pid:
            self._running[os.pidfd_open(pid)] = pid, name
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
            end_with_parent()
            os.dup2(self._log, 1)
            os.dup2(self._log, 2)
            work()
            code = 0
        except Exception as error:  # its text could hold anything
            print(UnexpectedError.of(error).text("en"), file=sys.stderr, flush=True)
        finally:
            os._exit(code)

    def _ended(self, descriptor: int) -> None:
        pid, name = self._running.pop(descriptor)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code and name:
            event: events_file.Event = {"event": "look ended", "status": code}
            with suppress(OSError):
                events_file.append(self._site, name, [event], utc_now())

    # in a process of its own

    def _look(self, project: Project) -> None:
        with Runs(self._site / "prefect") as runs:

            def run(of: Project, round_id: str) -> dict[str, object]:
                config = ExecutionConfig.of_site(self._site, memory_limit=self._limit)
                return runs.run(self._site, of.id, round_id, config)

            seen = reconcile_whole(project, utc_now, run)
        if not any(isinstance(one.error, ProjectBusyError) for one in seen.troubles):
            _show(self._site, seen)

    def _measure(self) -> None:
        text = metrics(Site(self._site), utc_now())
        write_whole(self._site / "serve" / "metrics.prom", text, replace=True, same_readers=True)

    def _keep_log_small(self) -> None:
        """Set the log of the service aside when it has grown; what is written to it starts anew."""
        if os.fstat(self._log).st_size > _LOG_SIZE:
            log = self._site / "serve" / "service.log"
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(self._log, 0)


def is_due(project: Project, last: datetime | None, now: datetime) -> bool:
    """Whether a project is to be looked at: once in ten minutes that begin at a time of its own, and when a round opens."""
    if last is None or _period(project.id, last) != _period(project.id, now):
        return True
    with suppress(LsiError):  # the alarm `manifest` is on; the other projects go on
        opening = project.manifest().schedule.last_hour(now)
        return opening is not None and opening > last
    return False


def _period(name: str, at: datetime) -> int:
    return int((at.timestamp() - crc32(name.encode()) % EVERY) // EVERY)


def _show(site: Path, seen: ReconcileResult) -> None:
    """Have Prefect show what a look did, where it did something and there is a Prefect."""
    done = "; ".join(" ".join(map(str, event.values())) for event in events_file.events(seen))
    connection = run_parent.connect(run_parent.socket_of(site)) if done else None
    if connection is None:
        return
    look = {"project": seen.project, "done": done, "failed": seen.failed}
    with connection, Path(os.devnull).open("w") as nowhere, suppress(OSError):
        run_parent.ask(connection, {"look": look}, [nowhere.fileno()] * 2)
        if code := run_parent.status(connection):
            print(f"a look at {seen.project} is not shown: {code}", file=sys.stderr, flush=True)


def main() -> int:
    """Serve until told to stop: 0. 1 when it cannot begin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--database")
    parser.add_argument("--memory-limit", default="")
    parser.add_argument("--lang", choices=("nl", "en"), default="en")
    parser.add_argument("--passphrase-fd", type=int)
    options = parser.parse_args()
    private_process()
    try:
        _serve(options)
    except LsiError as error:
        print(error.text(options.lang), file=sys.stderr)
        return 1
    return 0


def _serve(options: argparse.Namespace) -> None:
    site = options.site.resolve()
    home = private_folder(site / "serve")
    lock_file(
        home / "service.lock", LsiError("ServedAlreadyError", site=options.site)
    )  # until this process ends
    listener = _listen(options.port)
    if options.passphrase_fd is not None:
        secret = passphrase.from_descriptor(options.passphrase_fd)("keys", False)
        passphrase.use(lambda what, new: secret)
    (site / PART_STOPPED).unlink(missing_ok=True)
    log = os.open(home / "service.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for module in _OF_LOOKS:
        with suppress(ImportError):
            import_module(module)
    gc.freeze()  # so that what it forks goes on sharing it
    part = Part(site, listener, options.database, log)
    service = Service(site, part, options.memory_limit or None, options.lang, log)
    try:
        service.serve()
    finally:
        service.end()
        part.end()
        gc.unfreeze()  # or the engines complain at the end


def _listen(port: int) -> socket.socket:
    """The socket of the server: it is this process's own before anybody is told of it. Raises PortTakenError."""
    try:
        return socket.create_server((LOOPBACK, port), backlog=128)
    except (OSError, OverflowError):
        raise LsiError("PortTakenError", port=port) from None


if __name__ == "__main__":
    sys.exit(main())
