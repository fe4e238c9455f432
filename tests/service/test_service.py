"""The service on one machine, with SQLite and with PostgreSQL: a round opens by its cron, a look runs what is there and
shows it, nothing of a person stays with Prefect, and after a kill it goes on."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import handmade
import polars as pl
import pytest
from criteria.postgres import Postgres
from leaks import Marks, search
from operation import ROOT, Clock, Operation, folders
from packaging.requirements import Requirement
from servers import free_port

from lsi_match.base.clock import utc_now
from lsi_match.crypto.sealing import unseal
from lsi_match.flows.service import deployments
from lsi_match.matcher.operate.events_file import FILE as EVENTS
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.transfers import publish
from lsi_match.matcher.round.open_round import open_round

pytestmark = pytest.mark.slow

PARTNERS = ("gemeente", "svb", "uwv")
FLOWS = ["checkpoint", "match", "release-held", "retention", "watch-drops"]


def made(folder: Path, opens: str) -> Operation:
    schedule = {"opens": opens, "timezone": "UTC", "deadline_days": 5, "when_late": "proceed"}
    return Operation(folder, PARTNERS, folders(folder, PARTNERS), clock=Clock(utc_now()), schedule=schedule)


def within(seconds: float, holds: Callable[[], object]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(1)
    return False


@dataclass
class Service:
    """A served site: its process, and its API as whoever has the password."""

    site: Path
    port: int
    process: subprocess.Popen[str]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        password = (self.site / "serve" / "password").read_text()
        asked = Request(
            f"http://127.0.0.1:{self.port}/api{path}", None if body is None else json.dumps(body).encode()
        )
        asked.add_header("Authorization", "Basic " + base64.b64encode(f"lsi:{password}".encode()).decode())
        asked.add_header("Content-Type", "application/json")
        for _ in range(20):
            try:
                with urlopen(asked, timeout=60) as answer:
                    return json.load(answer)
            except HTTPError as error:
                if error.code != 503:  # busy: it asks to come again
                    raise
                time.sleep(3)
        raise TimeoutError(path)

    def look(self) -> str:
        """Have watch-drops run now; the name of the state in which it ends. While a scheduled one is at it Prefect cancels
        it, and it is asked for again: for two minutes, so that a place that is not given back is seen."""
        until = time.monotonic() + 120
        while (name := self._look()) == "Cancelled" and time.monotonic() < until:
            time.sleep(3)
        return name

    def _look(self) -> str:
        deployment = self.ask("/deployments/name/watch-drops/proef")["id"]
        run = self.ask(f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
        ended = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        assert within(240, lambda: self.ask(f"/flow_runs/{run}")["state_type"] in ended)
        name: str = self.ask(f"/flow_runs/{run}")["state_name"]
        return name


@contextmanager
def served(site: Path, database: str | None = None, looks_every: int = 300) -> Iterator[Service]:
    """A site served; its database is looked at every so many seconds."""
    port = free_port()
    program = f"import sys; from lsi_match.flows import service; service._DATABASE_EVERY = {looks_every}; sys.exit(service.main())"
    command = [sys.executable, "-c", program, "--site", str(site), "--port", str(port)]
    process = subprocess.Popen(
        [*command, *(["--database", database] if database else [])],
        stdout=subprocess.PIPE, text=True, cwd=site,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "proef" in process.stdout.readline()
        yield Service(site, port, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
    left = subprocess.run(["pgrep", "-f", f"prefect.*{port}"], capture_output=True, text=True)
    assert left.stdout == ""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    return address(request.getfixturevalue("postgres"))


def address(cluster: Postgres) -> str:
    return f"postgresql+asyncpg://postgres@/postgres?host={cluster.folder}"


def pinned() -> dict[str, str]:
    """Every package that pyproject.toml pins, with the version that is installed; each is one that the pin allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["prefect"]]
    wanted = [Requirement(line) for line in lines]
    found = {one.name: version(one.name) for one in wanted if one.marker is None or one.marker.evaluate()}
    outside = [str(one) for one in wanted if one.name in found and found[one.name] not in one.specifier]
    assert outside == []
    return found


def test_rounds_open_by_cron_and_looks_run_what_is_there(
    tmp_path: Path, database: str | None, record_property: Callable[[str, object], None]
) -> None:
    versions = pinned()
    record_property("ran with", versions)  # in the report of the tests: a newer Prefect may not start by cron
    print("ran with", ", ".join(f"{name} {one}" for name, one in sorted(versions.items())))
    fires = utc_now() + timedelta(seconds=90)
    operation = made(tmp_path, "0 6 1 1 *" if database else f"{fires.minute} {fires.hour} * * *")
    site, round_id = operation.world.site.folder, fires.date().isoformat()
    open_round(operation.project, "hand", None, utc_now())
    publish(operation.project, utc_now())
    with served(site, database) as service:
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{service.port}/api/version", timeout=10)
        assert refused.value.code == 401
        with socket.socket() as probe:  # another address of this machine
            assert probe.connect_ex(("127.0.0.2", service.port)) != 0
        assert sorted(one["name"] for one in service.ask("/flows/filter", {})) == FLOWS

        if database is None:  # once is enough: it takes a minute and a half
            assert within(600, lambda: operation.state(round_id) == "open"), versions[
                "prefect"
            ]  # the cron did it

        operation.clock.to(utc_now())
        for partner in PARTNERS:
            operation.deliver(partner, "hand")
        secret = (operation.project.round_folder("hand") / "round.key").read_bytes().strip()
        marks = marks_of(operation, "hand")
        assert service.look() in ("Completed", "Busy")
        assert within(120, lambda: operation.state("hand") == "destroyed")
        assert within(
            60, lambda: any(a["key"] == "counts-proef-hand" for a in service.ask("/artifacts/filter", {}))
        )
        shown = {
            one["key"]: json.loads(one["data"])
            for one in service.ask("/artifacts/filter", {})
            if one["type"] == "table"
        }
        assert [row["step"] for row in shown["steps-proef-hand"]][-1] == "destroy"
        shown_counts = {row["what"]: row["count"] for row in shown["counts-proef-hand"]}
        assert shown_counts["cases"] == "4"  # of a whole: exact (ADR 27)
        kept = [file for file in (site / "serve").rglob("*") if file.is_file()]
        assert kept
        for file in kept:
            assert file.stat().st_mode & 0o077 == 0, file.name
            data = file.read_bytes()
            assert secret not in data
            assert not any(bsn.encode() in data for bsn in handmade.BSNS)
        assert within(60, lambda: (site / EVENTS).exists())  # and so it is searched
        assert search(marks, everything_kept(service, operation, database)) == {}
        # The search finds what is there: a run with the number of a person for a name.
        planted = service.ask("/deployments/name/watch-drops/proef")["id"]
        body = {"name": handmade.BSNS[0], "state": {"type": "CANCELLED"}}
        service.ask(f"/deployments/{planted}/create_flow_run", body)
        found = search(marks, everything_kept(service, operation, database))
        assert found.keys() & ({"dump.sql"} if database else {"prefect.db", "prefect.db-wal"})
        assert "text" in set().union(*found.values())


def marks_of(operation: Operation, round_id: str) -> Marks:
    """Every number, record id, pseudonym and key that a round of the operation has."""
    manifest, home = operation.project.manifest(), operation.world.home
    key = home("uwv").project_key(manifest)
    records = {f"{name}-{bsn[-3:]}" for name in PARTNERS for bsn in handmade.BSNS}
    blocks = key.pseudonyms(pl.Series(handmade.BSNS), round_id, "bsn").to_list()
    marks = Marks({one.encode() for one in (*handmade.BSNS, *records)}, blocks=set(blocks))
    marks.secrets["project key"] = key.secret
    marks.secrets["round key"] = (operation.project.round_folder(round_id) / "round.key").read_bytes().strip()
    for name in PARTNERS:
        sealed = next((home(name).project("proef") / "references").glob("*.age")).read_bytes()
        opened = unseal(sealed, home(name).identity().encryption, what="key", party=name)
        marks.secrets[f"reference key of {name}"] = bytes.fromhex(json.loads(opened)["key"])
    return marks


def everything_kept(service: Service, operation: Operation, database: str | None) -> list[Path]:
    """Where everything lies that the service, its runs and the metrics keep or show: the database of the server
    (PostgreSQL dumped as text, since it compresses), logs of server and workers, what the API tells, metrics, events,
    and all that partners find at their places: receipts, reasons, openings and sealed releases."""
    site, shown = service.site, service.site.parent / "shown"
    shown.mkdir(exist_ok=True)
    for name in (
        "artifacts",
        "logs",
        "flow_runs",
        "task_runs",
        "events",
        "variables",
        "deployments",
        "flow_run_states",
    ):
        with contextlib.suppress(HTTPError):
            (shown / f"{name}.json").write_text(json.dumps(service.ask(f"/{name}/filter", {})))
    (shown / "metrics").write_bytes(metrics(operation.world.site, utc_now()))
    if database is not None:
        folder = database.rpartition("host=")[2]
        dump = subprocess.run(
            ["pg_dump", "-h", folder, "-U", "postgres", "postgres"], capture_output=True, check=True
        )
        assert b"flow_run" in dump.stdout
        (shown / "dump.sql").write_bytes(dump.stdout)
    outside = [Path(settings.url) for settings in operation.places.values()]
    return [
        shown,
        site / "serve",
        site / "prefect",
        *site.glob("*.jsonl"),
        operation.project.folder,
        *outside,
    ]


@pytest.mark.soak
def test_after_a_kill_it_goes_on_and_a_round_that_was_running_is_finished(tmp_path: Path) -> None:
    operation = made(tmp_path, "0 6 1 1 *")
    site = operation.world.site.folder
    open_round(operation.project, "hand", None, utc_now())
    publish(operation.project, utc_now())
    for partner in PARTNERS:
        operation.deliver(partner, "hand")
    with served(site) as service:
        deployment = service.ask("/deployments/name/watch-drops/proef")["id"]
        service.ask(f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})
        assert within(240, lambda: "gates" in [entry.name for entry in operation.project.entries()])
        service.process.kill()
        service.process.wait()
        assert within(
            60,
            lambda: (
                not subprocess.run(["pgrep", "-f", f"prefect.*{service.port}"], capture_output=True).stdout
            ),
        )
    with served(site) as service:
        assert service.look() in ("Completed", "Busy")
        stuck = {"flow_runs": {"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}}
        assert within(120, lambda: not service.ask("/flow_runs/filter", stuck))
    # The run that the second service began may still be at it.
    assert within(240, lambda: operation.run(operation.project, "hand")["state"] in ("released", "refused"))
    releases = [entry for entry in operation.project.entries() if entry.name == "release"]
    assert len(releases) == 1


def damaged(file: Path) -> None:
    with file.open("r+b") as handle:
        for page in range(1, file.stat().st_size // 4096):
            handle.seek(page * 4096)
            handle.write(b"\xa5" * 4096)


@pytest.mark.soak
@pytest.mark.parametrize("harm", [damaged, Path.unlink])
def test_a_database_that_goes_bad_while_it_serves_is_made_anew_and_looks_go_on(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    operation = made(tmp_path, "0 6 1 1 *")
    site = operation.world.site.folder
    with served(site, looks_every=5) as service:
        assert service.look() in ("Completed", "Busy")
        harm(site / "serve" / "prefect.db")
        assert service.process.stdout is not None
        assert "proef" in service.process.stdout.readline()  # it serves anew
        assert service.look() in ("Completed", "Busy")


@pytest.mark.soak
def test_a_postgresql_that_is_away_for_a_while_is_waited_for(tmp_path: Path, postgres: Postgres) -> None:
    operation = made(tmp_path, "0 6 1 1 *")
    with served(operation.world.site.folder, address(postgres)) as service:
        assert service.look() in ("Completed", "Busy")
        postgres.control("stop")
        time.sleep(30)
        assert service.process.poll() is None
        postgres.control("start")
        assert within(120, lambda: service.look() in ("Completed", "Busy"))


@pytest.mark.parametrize("taken", ["port", "site"])
def test_what_is_served_already_or_has_its_port_taken_is_told_before_anything_starts(
    tmp_path: Path, taken: str
) -> None:
    (tmp_path / "serve").mkdir()
    with socket.socket() as other, (tmp_path / "serve" / "service.lock").open("w") as lock:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1] if taken == "port" else free_port()
        if taken == "site":
            fcntl.flock(lock, fcntl.LOCK_EX)
        command = [
            sys.executable,
            "-m",
            "lsi_match.flows.service",
            "--site",
            str(tmp_path),
            "--port",
            str(port),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (1, "")
    assert (f"Port {port}" if taken == "port" else "another process") in done.stderr
    assert [file.name for file in (tmp_path / "serve").iterdir()] == ["service.lock"]


def test_the_passphrase_of_protected_keys_reaches_the_flows_and_nobody_else(tmp_path: Path) -> None:
    from lsi_match.crypto import passphrase
    from lsi_match.matcher.operate import key_socket

    site = tmp_path / ("a" * 60) / ("b" * 60)
    (site / "serve").mkdir(parents=True)
    key_socket.use_if_there(site)  # nobody gives it: nothing changes
    key_socket.give_out(site, "vier losse woorden hier")
    assert key_socket.socket_of(site).stat().st_mode & 0o077 == 0
    for _ in range(2):
        passphrase.use(passphrase.refuse)
        key_socket.use_if_there(site)
        assert passphrase.ask("keys") == "vier losse woorden hier"
    passphrase.use(passphrase.refuse)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to be another user")
def test_another_user_gets_no_passphrase_even_when_the_folder_is_open() -> None:
    from lsi_match.matcher.operate import key_socket

    ask = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(99))"
    with tempfile.TemporaryDirectory() as name:
        site = Path(name)
        (site / "serve").mkdir()
        key_socket.give_out(site, "vier losse woorden hier")
        file = key_socket.socket_of(site)
        for one in (site, site / "serve", file):
            one.chmod(0o777)
        answers = {}
        for user in ("0", "65534"):
            command = [
                "setpriv",
                f"--reuid={user}",
                "--clear-groups",
                "/usr/bin/python3",
                "-c",
                ask,
                str(file),
            ]
            answers[user] = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    assert answers == {"0": "b'vier losse woorden hier'", "65534": "b''"}


def test_what_is_installed_is_what_is_pinned() -> None:
    versions = pinned()
    assert versions["prefect"].startswith("3.")
    assert len(versions) > 10


def test_the_deployments_follow_the_manifests(tmp_path: Path) -> None:
    operation = made(tmp_path, "0 6 1 * *")
    site = operation.world.site.folder
    found = deployments(site, "5GiB")["deployments"]
    assert sorted(one["entrypoint"].rpartition(".")[2] for one in found) == [
        "checkpoint", "match", "release_held", "retention", "watch_drops",
    ]  # fmt: skip
    watch = next(one for one in found if one["entrypoint"].endswith("watch_drops"))
    assert {"cron": "0 6 1 * *", "timezone": "UTC"} in watch["schedules"]
    for one in found:
        assert one["name"] == "proef"
        assert one["tags"] == ["lsi-match", "proef"]
        assert one["description"]
        matches = one["entrypoint"].rpartition(".")[2] in ("match", "release_held", "watch_drops")
        told = {"site": str(site.resolve()), "project": "proef"} | (
            {"memory_limit": "5GiB"} if matches else {}
        )
        assert one["parameters"] == told
        assert one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
