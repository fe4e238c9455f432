"""What an operator needs on one machine, started and kept together: a Prefect server, a worker, the deployments.

`python -m lsi_match.flows.service --site DIR` starts the server on loopback, behind a password that only this user can read
(SITE/serve/profiles.toml), deploys SITE/serve/prefect.yaml, which is made from lsi_match.flows/prefect.yaml and the manifests,
and starts the worker. When a manifest changes its schedule, it deploys again. When the database of the server, a file,
cannot be used any more, it begins anew with another. It ends when one of them ends, or at SIGTERM or SIGINT, and then
ends the others.

The server only says when to start; what happens is decided by the manifests and the log. A run is a process of its own;
one that could not tell the server how far it came is begun again, or was done, as the log says.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from ruamel.yaml import YAML

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.base.files import lock_file, private_folder, read_text, write_whole
from lsi_match.crypto import passphrase
from lsi_match.flows.database import FILE, make_usable, usable
from lsi_match.flows.settings import end_with_parent, service_environment
from lsi_match.matcher.operate import key_socket, run_parent
from lsi_match.matcher.operate.agenda import JobKind
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.site.site import Project, Site

POOL = "lsi-match"
LOOPBACK = "127.0.0.1"
_STARTED_WITHIN = 600
_SET_ASIDE = {
    "damaged": {
        "nl": "De database van Prefect is beschadigd en opzij gezet; er wordt een nieuwe gemaakt. Er gaat niets verloren.",
        "en": "The database of Prefect is damaged and was set aside; another is made. Nothing is lost.",
    },
    "locked": {
        "nl": "Iets houdt de database van Prefect vast; zij is opzij gezet, er wordt een nieuwe gemaakt. Er gaat niets verloren.",
        "en": "Something keeps the database of Prefect locked; it was set aside and another is made. Nothing is lost.",
    },
}
_LOOK_EVERY = 5
_MEASURE_EVERY = 60
_DATABASE_EVERY = 300
_LOG_SIZE = 20 * 2**20


class ServedAlreadyError(LsiError): ...


class PortTakenError(LsiError): ...


def deployments(site: Path, memory_limit: str = "") -> dict[str, Any]:
    """The deployments of a site, as a prefect.yaml: those of flows/prefect.yaml, for every project."""
    yaml = YAML(typ="safe")
    whole: dict[str, Any] = yaml.load(Path(__file__).with_name("prefect.yaml").read_text())
    made: list[dict[str, Any]] = []
    for project in Site(site).projects():
        with suppress(LsiError):  # the alarm `manifest` is on; the other projects go on
            made += [_deployment(site, project, template, memory_limit) for template in whole["deployments"]]
    return whole | {"deployments": made}


def _deployment(site: Path, project: Project, template: dict[str, Any], memory_limit: str) -> dict[str, Any]:
    schedule, schedules = project.manifest().schedule, list(template["schedules"])
    if template["name"] == JobKind.DROPS and schedule.opens:
        schedules.append({"cron": schedule.opens, "timezone": schedule.timezone})
    return template | {
        "name": project.id,
        "schedules": schedules,
        "tags": ["lsi-match", project.id],
        "parameters": {"site": str(site.resolve()), "project": project.id}
        | dict.fromkeys(template.get("parameters", ()), memory_limit),
        "work_pool": {"name": POOL, "job_variables": {"command": _command(site)}},
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
    }


def _command(site: Path) -> str:
    """What the worker starts for a flow that is due: it asks for a process that has loaded everything."""
    return shlex.join(
        [sys.executable, "-I", "-S", run_parent.__file__, str(run_parent.socket_of(site.resolve()))]
    )


def main() -> int:
    """Serve until told to stop; 0 when told, 1 when a part ended by itself or did not start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--database")
    parser.add_argument("--memory-limit", default="")
    parser.add_argument("--lang", choices=("nl", "en"), default="en")
    parser.add_argument("--passphrase-fd", type=int)
    options = parser.parse_args()
    os.umask(0o077)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _stop)
    parts: list[subprocess.Popen[bytes]] = []
    try:
        home = private_folder(options.site.resolve() / "serve")
        lock_file(home / "service.lock", ServedAlreadyError(site=options.site))  # until this process ends
        if options.passphrase_fd is not None:
            given = passphrase.from_descriptor(options.passphrase_fd)
            key_socket.give_out(options.site.resolve(), given("keys", False))
        while (problem := _serve(options, parts)) is None:
            _end_all(parts)
        print(problem[options.lang], file=sys.stderr)
        return 1
    except LsiError as error:
        print(error.text(options.lang), file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        log = options.site / "serve" / "service.log"
        print({"nl": f"Prefect weigert dienst; zie {log}", "en": f"Prefect refuses; see {log}"}[options.lang], file=sys.stderr)  # fmt: skip
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        _end_all(parts)


def _serve(options: argparse.Namespace, parts: list[subprocess.Popen[bytes]]) -> dict[str, str] | None:
    """Serve; what ended it, in both languages, or None when it is to begin anew, with another database."""
    site, port, limit = options.site, options.port, options.memory_limit
    home = site.resolve() / "serve"
    url = f"http://{LOOPBACK}:{port}/api"
    _check_free(port)
    _write_profile(home, url, options.database)
    if not options.database and (problem := make_usable(home)):
        print(_SET_ASIDE[problem][options.lang], file=sys.stderr, flush=True)
    environment = service_environment(home)
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    log = (home / "service.log").open("ab")
    here = {
        "env": environment,
        "cwd": home,
        "stdout": log,
        "stderr": log,
        "start_new_session": True,
        "preexec_fn": end_with_parent,
    }
    parts.append(subprocess.Popen([*prefect, "server", "start", "--host", LOOPBACK, "--port", str(port), "--no-ui"], **here))  # fmt: skip
    with run_parent.listen(run_parent.socket_of(site.resolve())) as front:
        parent = [sys.executable, "-m", "lsi_match.flows.parent", "--listen", str(front.fileno())]
        parts.append(subprocess.Popen(parent, pass_fds=[front.fileno()], **here))
    if not _healthy(f"{url}/health", parts[0]):
        return {
            "nl": f"De server start niet; zie {log.name}",
            "en": f"The server does not start; see {log.name}",
        }
    subprocess.run([*prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"], check=True, **here)  # fmt: skip
    subprocess.run([sys.executable, "-m", "lsi_match.flows.tidy"], check=True, **here)
    deployed = _deploy(deployments(site, limit), home, prefect, here, None)
    parts.append(subprocess.Popen([*prefect, "worker", "start", "--pool", POOL, "--type", "process"], **here))  # fmt: skip
    names = ", ".join(project.id for project in Site(site).projects()) or "-"
    said = {
        "nl": f"Draait op {url}; projecten: {names}. Stoppen: Ctrl-C.",
        "en": f"Serving at {url}; projects: {names}. Stop: Ctrl-C.",
    }
    print(said[options.lang], flush=True)
    measure_at, database_at = 0.0, time.monotonic() + _DATABASE_EVERY
    while all(part.poll() is None for part in parts):
        time.sleep(_LOOK_EVERY)
        deployed = _deploy(deployments(site, limit), home, prefect, here, deployed)
        _keep_small(Path(log.name))
        if time.monotonic() >= measure_at:
            measure_at = time.monotonic() + _MEASURE_EVERY
            with suppress(LsiError, OSError):
                write_whole(home / "metrics.prom", metrics(Site(site), utc_now()), replace=True)
        if not options.database and time.monotonic() >= database_at:
            database_at = time.monotonic() + _DATABASE_EVERY
            if not usable(home / FILE):
                return None
    return {"nl": f"Een onderdeel is gestopt; zie {log.name}", "en": f"A part has ended; see {log.name}"}


def _check_free(port: int) -> None:
    """Raises PortTakenError; what already listens there would be asked as if it were our server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise PortTakenError(port=port) from None


def _write_profile(home: Path, url: str, database: str | None) -> None:
    """The settings that hold secrets, in a file that only this user reads, and not in the environment."""
    file = home / "profiles.toml"
    password = home / "password"
    if not password.exists():
        write_whole(password, secrets.token_urlsafe(24).encode())
    auth = f"lsi:{read_text(password)}"
    settings = {
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_SERVER_API_AUTH_STRING": auth,
    }
    if database:
        settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    lines = ['active = "lsi-match"', "", "[profiles.lsi-match]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    write_whole(file, "\n".join([*lines, ""]).encode(), replace=True)


def _deploy(
    wanted: dict[str, Any], home: Path, prefect: list[str], here: dict[str, Any], before: str | None
) -> str:
    """Deploy what is wanted when that is other than `before`; what is wanted, as text."""
    text = json.dumps(wanted, sort_keys=True)
    if text != before and wanted["deployments"]:
        file = home / "prefect.yaml"
        write_whole(file, json.dumps(wanted, indent=2).encode(), replace=True)  # JSON is YAML
        subprocess.run([*prefect, "deploy", "--all", "--prefect-file", str(file)], check=True, **here)
    return text


def _keep_small(log: Path) -> None:
    """Set the log of the service aside when it has grown; what is written to it starts anew."""
    if log.stat().st_size > _LOG_SIZE:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def _healthy(url: str, server: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + _STARTED_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310  # our own address
                return bool(answer.status == 200)
        except (URLError, OSError):
            time.sleep(0.5)
    return False


def _end_all(parts: list[subprocess.Popen[bytes]]) -> None:
    while parts:
        _end(parts.pop())


def _end(part: subprocess.Popen[bytes]) -> None:
    """End a part and what it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(part.pid, sign)
            part.wait(timeout=20)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
