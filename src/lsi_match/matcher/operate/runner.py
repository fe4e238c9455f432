"""Starting a run: the flow in a process of its own, so that what it held in memory goes with the process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from lsi_match.base import dry_run
from lsi_match.base.errors import ExtraMissingError
from lsi_match.crypto.keys import passphrase_for
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate import run_parent

OnStep = Callable[[dict[str, Any]], None]
#: The module that runs flows; nothing here imports it.
PARENT = "lsi_match.flows.parent"


class Runs:
    """Runs of rounds, each in a process of its own. Use it in a `with` block.

    What forks them is loaded once: the service of their site where that is there, or a parent for this block, which
    the first run starts and the end of the block ends.

    Args:
        home: where a Prefect server for this block keeps its states.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._parent: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._errors = os.fdopen(os.memfd_create("errors"), "w+", errors="replace")

    def __enter__(self) -> Runs:
        dry_run.before("run", "match")
        return self

    def __exit__(self, *_: object) -> None:
        if self._control is not None:
            self._control.close()
        if self._parent is not None:
            self._parent.wait()
        self._errors.close()

    def run(
        self,
        site: Path,
        project: str,
        round_id: str,
        config: ExecutionConfig | None = None,
        on_step: OnStep = lambda _: None,
    ) -> dict[str, Any]:
        """Run one round; its outcome. Calls `on_step` for each step.

        Args:
            config: what its buckets are matched with; what the site says (`runner.yaml`) when left out.

        Where the process ended without an outcome (killed, out of memory) the state is `broken`. The passphrase of the
        site's keys, when they have one, goes to it through a pipe.
        """
        config = config or ExecutionConfig.of_site(site)
        request = {
            "site": str(site.absolute()),
            "project": project,
            "round": round_id,
            "config": config.model_dump_json(),
        }
        passphrase = passphrase_for(site / "keys")
        outcome: dict[str, Any] = {"state": "broken"}
        with ExitStack() as stack:
            reading, writing = os.pipe()
            lines = stack.enter_context(os.fdopen(reading))
            given = [] if passphrase is None else [_pipe_with(passphrase)]
            try:
                line = stack.enter_context(self._connect(site, config))
                with suppress(OSError):  # a parent that ended
                    run_parent.ask(line, request, [writing, self._errors.fileno(), *given])
            finally:
                for descriptor in (writing, *given):
                    os.close(descriptor)
            for text in lines:
                document = _document(text)
                if "state" in document:
                    outcome = document
                elif "step" in document:
                    on_step(document)
            if outcome["state"] == "broken":
                outcome["status"] = run_parent.status(line)
                self._errors.seek(0)
                outcome["errors"] = self._errors.read()
        return outcome

    def _connect(self, site: Path, config: ExecutionConfig) -> socket.socket:
        # A cluster is told the settings of Prefect, so the password of the service is not among them.
        served = config.runner in ("threads", "processes") and run_parent.connect(run_parent.socket_of(site))
        if served:
            return served
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there, suppress(OSError):
            socket.send_fds(self._front(), [b"+"], [there.fileno()])
        return here

    def _front(self) -> socket.socket:
        if self._control is None:
            _need_prefect()
            self._control, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command = [sys.executable, "-m", PARENT, "--home", str(self._home.absolute()), "--control"]
            with there:
                self._parent = subprocess.Popen(
                    [*command, str(there.fileno())],
                    env={n: v for n, v in os.environ.items() if not n.startswith(("PREFECT_", "VAULT_"))},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=[there.fileno()],
                )
        return self._control


def run_match(
    site: Path,
    project: str,
    round_id: str,
    *,
    config: ExecutionConfig | None = None,
    on_step: OnStep = lambda _: None,
) -> dict[str, Any]:
    """Run one round, as `Runs.run` does, and nothing else."""
    with Runs(site / "prefect") as runs:
        return runs.run(site, project, round_id, config, on_step)


def serve(site: Path, port: int, database: str | None, memory_limit: str, lang: str) -> NoReturn:
    """Become `lsi_match.flows.service`: signals then reach it directly. A passphrase goes along through a pipe."""
    _need_prefect()
    dry_run.before("run", "site serve")
    passphrase = passphrase_for(site / "keys")
    options = {"site": site, "port": port, "lang": lang, "memory-limit": memory_limit}
    options |= {"database": database} if database else {}
    command = [sys.executable, "-m", "lsi_match.flows.service"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    if passphrase is not None:
        descriptor = _pipe_with(passphrase)
        os.set_inheritable(descriptor, True)
        command += ["--passphrase-fd", str(descriptor)]
    os.execv(sys.executable, command)  # noqa: S606


def prefect(site: Path, arguments: Sequence[str]) -> NoReturn:
    """Become the program `prefect`, for the server of the service of `site`. Raises NotServedError."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    settings |= {"PREFECT_HOME": str(site.absolute() / "serve"), **run_parent.api(site, keep=True)}
    os.execve(sys.executable, [sys.executable, "-m", "prefect", *arguments], settings)  # noqa: S606


def _need_prefect() -> None:
    if find_spec("prefect") is None:
        raise ExtraMissingError(extra="prefect")


def _pipe_with(passphrase: str) -> int:
    """A descriptor from which `passphrase` can be read once. It is short, so the pipe holds it whole."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as handle:
        handle.write(passphrase + "\n")
    return reader


def _document(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
