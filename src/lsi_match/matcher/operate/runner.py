"""Starting a run: the flow in a process of its own, so that what it held in memory goes with the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from lsi_match.base.clock import utc_now
from lsi_match.crypto.keys import passphrase_for
from lsi_match.flows.database import make_usable
from lsi_match.flows.settings import environment
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.operate import events_file


def run_match(
    site: Path,
    project: str,
    round_id: str,
    *,
    config: ExecutionConfig | None = None,
    on_step: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Run `lsi_match.flows.match` as a process of its own; calls `on_step` for each step and returns the outcome.

    Args:
        means: what its buckets are matched with; what the site says (`runner.yaml`) when left out.

    A database of Prefect that is damaged or kept locked is set aside first (`lsi_match.flows.database`), and told in
    `events.jsonl`. Where the process ended without an outcome (killed, out of memory) the state is `broken`. The passphrase of
    the site's keys, when they have one, goes to it through a pipe.
    """
    if problem := make_usable(site / "prefect"):
        told: events_file.Event = {
            "event": "prefect database set aside",
            "reason": problem,
            "about": round_id,
        }
        events_file.append(site, project, [told], utc_now())
    command = [
        sys.executable,
        "-m",
        "lsi_match.flows.match",
        "--site",
        str(site),
        "--project",
        project,
        "--round",
        round_id,
    ]
    command += ["--config", (config or ExecutionConfig.of_site(site)).model_dump_json()]
    passphrase = passphrase_for(site / "keys")
    pipe = [] if passphrase is None else [_pipe_with(passphrase)]
    for descriptor in pipe:
        command += ["--passphrase-fd", str(descriptor)]
    outcome: dict[str, Any] = {"state": "broken"}
    try:
        p = subprocess.Popen(
            command,
            env=environment(site),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pipe,
        )
    finally:
        for descriptor in pipe:
            os.close(descriptor)
    with p:
        for line in p.stdout or ():
            document = _document(line)
            if "state" in document:
                outcome = document
            elif "step" in document:
                on_step(document)
        errors = p.stderr.read() if p.stderr else ""
    return (
        outcome
        if outcome["state"] != "broken"
        else {"state": "broken", "status": p.returncode, "errors": errors}
    )


def serve(site: Path, port: int, database: str | None, memory_limit: str, lang: str) -> NoReturn:
    """Become `lsi_match.flows.service`: signals then reach it directly. A passphrase goes along through a pipe."""
    passphrase = passphrase_for(site / "keys")
    command = [
        sys.executable,
        "-m",
        "lsi_match.flows.service",
        "--site",
        str(site),
        "--port",
        str(port),
        "--lang",
        lang,
        "--memory-limit",
        memory_limit,
    ]
    command += ["--database", database] if database else []
    if passphrase is not None:
        descriptor = _pipe_with(passphrase)
        os.set_inheritable(descriptor, True)
        command += ["--passphrase-fd", str(descriptor)]
    os.execv(sys.executable, command)  # noqa: S606


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
