"""The service on one machine, with SQLite and with PostgreSQL: a round opens by its cron, a look runs what is there and
shows it, nothing of a person stays with Prefect, and after a kill it goes on."""

from __future__ import annotations

import contextlib
import errno
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
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
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
from service import stranger

from lsi_match.agreement.approvals import load_manifest
from lsi_match.base.clock import utc_now
from lsi_match.crypto.sealing import unseal
from lsi_match.flows import service
from lsi_match.flows.settings import header
from lsi_match.manifest import Manifest
from lsi_match.matcher.operate import run_parent
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.events_file import FILE as EVENTS
from lsi_match.matcher.operate.metrics import metrics
from lsi_match.matcher.operate.observed_state import last_reconciled
from lsi_match.matcher.operate.transfers import publish
from lsi_match.matcher.round.open_round import open_round
from lsi_match.matcher.site.site import Site

pytestmark = pytest.mark.slow

PARTNERS = ("gemeente", "svb", "uwv")


def an_hour_ago() -> str:
    """Once a year, an hour ago: no round opens by itself, and one by hand is in time."""
    at = utc_now() - timedelta(hours=1)
    return f"{at.minute} {at.hour} {at.day} {at.month} *"


def made(folder: Path, opens: str = "") -> Operation:
    """A project that opens a round every day: at this minute, which is before it began, so none by itself today."""
    now = utc_now()
    opens = opens or f"{now.minute} {now.hour} * * *"
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
        access = run_parent.api(self.site)
        asked = Request(
            f"http://127.0.0.1:{self.port}/api{path}", None if body is None else json.dumps(body).encode()
        )
        asked.add_header("Authorization", header(access["PREFECT_API_AUTH_STRING"]))
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

    def messages(self) -> list[str]:
        """What the states of flow runs say."""
        return [one["state"]["message"] for one in self.ask("/flow_runs/filter", {}) if one["state"]]

    def look(self) -> None:
        """Wait for a look that begins after now has ended."""
        now = utc_now()
        assert within(120, lambda: last_reconciled(Site(self.site).project("proef")).at > now)

    def parts(self) -> dict[str, int]:
        """The process of the parent of runs and that of its server, the first that it forks; what is not there is 0."""
        parent = min(children(self.process.pid, "parent_process --home"), default=0)
        return {
            "parent": parent,
            "server": min(children(parent, "parent_process --home"), default=0) if parent else 0,
        }


def children(pid: int, command: str) -> list[int]:
    """The processes that a process started, with this in their command."""
    found = subprocess.run(["pgrep", "-P", str(pid), "-f", command], capture_output=True, text=True)
    return [int(one) for one in found.stdout.split()]


@contextmanager
def served(
    site: Path, database: str | None = None, looks_every: float = 4, **settings: str
) -> Iterator[Service]:
    """A site served; its projects are looked at every so many seconds. `settings` are of `parent_process`."""
    port = free_port()
    program = (
        f"import sys; from lsi_match.flows import service; service.EVERY, service.TICK, service._LONGEST_WAIT = {looks_every}, 1, 4; "
        "service.runner.PARENT = 'parent_process'; sys.exit(service.main())"
    )
    command = [sys.executable, "-c", program, "--site", str(site), "--port", str(port)]
    process = subprocess.Popen(
        [*command, *(["--database", database] if database else [])],
        stdout=subprocess.PIPE, text=True, cwd=site,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), str(ROOT / "tests")])}
        | {f"LSI_TEST_{name}": value for name, value in settings.items()},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "proef" in process.stdout.readline()
        yield Service(site, port, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
    assert children(1, f"{site}/serve") == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


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
    operation = made(tmp_path, an_hour_ago() if database else f"{fires.minute} {fires.hour} * * *")
    site, round_id = operation.world.site.folder, fires.date().isoformat()
    open_round(operation.project, "hand", None, utc_now())
    publish(operation.project, utc_now())
    with served(site, database) as service:
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{service.port}/api/version", timeout=10)
        assert refused.value.code == 401
        with socket.socket() as probe:  # another address of this machine
            assert probe.connect_ex(("127.0.0.2", service.port)) != 0
        if database is None:  # once is enough: it takes a minute and a half
            assert within(600, lambda: operation.state(round_id) == "open"), versions[
                "prefect"
            ]  # the cron did it

        operation.clock.to(utc_now())
        for partner in PARTNERS:
            operation.deliver(partner, "hand")
        secret = (operation.project.round_folder("hand") / "round.key").read_bytes().strip()
        marks = marks_of(operation, "hand")
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
        assert sorted(one["name"] for one in service.ask("/flows/filter", {})) == ["look", "match"]
        assert within(60, lambda: any("Run hand released" in str(one) for one in service.messages()))
        assert "nothing to do" not in service.messages()
        assert search(marks, everything_kept(service, operation, database)) == {}
        # The search finds what is there: a run with the number of a person for a name.
        flow = service.ask("/flows/filter", {})[0]["id"]
        body = {"name": handmade.BSNS[0], "flow_id": flow, "state": {"type": "CANCELLED"}}
        service.ask("/flow_runs/", body)
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
    operation = made(tmp_path, an_hour_ago())
    site = operation.world.site.folder
    open_round(operation.project, "hand", None, utc_now())
    publish(operation.project, utc_now())
    for partner in PARTNERS:
        operation.deliver(partner, "hand")
    with served(site) as service:
        assert within(240, lambda: "gates" in [entry.name for entry in operation.project.entries()])
        service.process.kill()
        service.process.wait()
        assert within(60, lambda: not children(1, f"{site}/serve"))
    with served(site) as service:
        service.look()
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
    operation = made(tmp_path, an_hour_ago())
    site = operation.world.site.folder
    with served(site, DATABASE="5") as service:
        before = service.parts()
        harm(site / "serve" / "prefect.db")
        assert within(60, lambda: service.parts()["server"] not in (0, before["server"]))
        assert within(60, lambda: service.ask("/flows/filter", {}) is not None)
        assert service.parts()["parent"] == before["parent"]
        service.look()


@pytest.mark.soak
def test_a_postgresql_that_is_away_for_a_while_is_waited_for(tmp_path: Path, postgres: Postgres) -> None:
    operation = made(tmp_path, an_hour_ago())
    with served(operation.world.site.folder, address(postgres)) as service:
        postgres.control("stop")
        service.look()
        time.sleep(30)
        assert service.process.poll() is None
        postgres.control("start")
        assert within(120, lambda: service.ask("/flows/filter", {}) is not None)


def test_a_part_that_does_not_start_is_told_and_what_there_is_to_do_is_done(tmp_path: Path) -> None:
    operation = made(tmp_path, an_hour_ago())
    site, there = operation.world.site.folder, tmp_path / "ends"
    open_round(operation.project, "hand", None, utc_now())
    publish(operation.project, utc_now())
    with served(site, ENDS=str(there)) as service:
        there.touch()
        os.kill(service.parts()["parent"], signal.SIGKILL)
        assert within(60, lambda: "service" in [one.name for one in alarms(operation.project, utc_now())])
        for partner in PARTNERS:
            operation.deliver(partner, "hand")
        assert within(120, lambda: operation.state("hand") == "destroyed")
        there.unlink()
        assert within(
            120, lambda: "service" not in [one.name for one in alarms(operation.project, utc_now())]
        )
        assert within(60, lambda: service.ask("/version"))
    told = [json.loads(line) for line in (site / EVENTS).read_text().splitlines()]
    ended = [(one["event"], one["status"]) for one in told if one.get("part") and "status" in one]
    assert ended[:3] == [("part ended", -signal.SIGKILL), ("part ended", 3), ("part ended", 3)]
    assert told[-1]["event"] != "part ended"


STRANGER = Path(__file__).with_name("stranger.py")
#: Every line that who does not show the password is ever answered.
ANSWERS = {
    "http/1.1 401 unauthorized", "http/1.1 403 forbidden", "http/1.1 400 bad request", "invalid http request received.",
    "connection: close", "transfer-encoding: chunked", "content-length: 0", "content-type: text/plain; charset=utf-8", "0", "",
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A site that is served, under a path that everybody may enter up to the site itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        operation = made(folder, an_hour_ago())
        for one in (operation.world.folder, *operation.world.site.folder.parents):
            if one != folder and folder in one.parents:
                one.chmod(0o711)
        with served(operation.world.site.folder) as service:
            yield service


@pytest.mark.parametrize("part", ["parent", "server"])
def test_a_part_that_ends_is_started_again_and_looks_go_on(serving: Service, part: str) -> None:
    before = serving.parts()
    password = run_parent.api(serving.site)["PREFECT_API_AUTH_STRING"]
    os.kill(before[part], signal.SIGKILL)
    serving.look()
    assert within(60, lambda: serving.parts()[part] not in (0, before[part]))
    assert within(60, lambda: serving.ask("/version"))
    after = run_parent.api(serving.site)["PREFECT_API_AUTH_STRING"]
    assert (after == password) == (part == "server")  # new at every start of what keeps it


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to be another user")
def test_another_user_learns_that_the_service_runs_and_nothing_else(serving: Service) -> None:
    access = run_parent.api(serving.site)
    password = access["PREFECT_API_AUTH_STRING"]
    pids = [serving.process.pid, *serving.parts().values()]
    got = as_stranger(STRANGER.read_text(), str(serving.site), str(serving.port), ",".join(map(str, pids)))
    assert got["touched"] == []
    assert got["killed"] == []
    assert got["squatted"] == []
    ours = {str(pid) for pid in pids}
    read = {name for name, found in got["processes"].items() if ours & set(found)}
    assert read == {"cmdline"}  # which every user sees
    told = json.dumps(got)
    assert password not in told
    assert header(password).split()[1] not in told
    assert set(got["said"]) == {""}, "another user is not heard at all"
    assert got["held"] == 0, "and takes no room"
    serving.look()  # and all is still there


def test_who_is_the_same_user_and_does_not_show_the_password_is_told_so_and_nothing_else(
    serving: Service,
) -> None:
    said = {stranger.answer(serving.port, request) for request in stranger.requests()}
    lines = {line.lower() for one in said for line in one.splitlines()}
    assert any("401" in line for line in lines)
    assert {line for line in lines if not line.startswith("date: ")} <= ANSWERS


def as_stranger(program: str, *arguments: str) -> dict[str, Any]:
    command = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        program,
    ]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


#: Listens where the service is said to until its input ends, and tells whatever came.
SQUATTER = """
import json, select, socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as mine:
    print("there", flush=True)
    if mine in select.select([mine, sys.stdin], [], [])[0]:
        print(json.dumps(mine.accept()[0].recv(65536).decode()), flush=True)
    else:
        print("nobody", flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to be another user")
def test_who_has_the_port_before_the_service_is_told_nothing_and_holds_nothing_up(tmp_path: Path) -> None:
    """With the port that was asked for taken, it does not start; without --port nobody can know which it will be."""
    (tmp_path / "keys").mkdir()
    port = str(free_port())
    command = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", SQUATTER, port]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd="/") as squatter:
        assert squatter.stdin is not None
        assert squatter.stdout is not None
        assert squatter.stdout.readline() == "there\n"
        served_ = [sys.executable, "-m", "lsi_match.flows.service", "--site", str(tmp_path), "--port", port]
        done = subprocess.run(served_, capture_output=True, text=True, cwd=ROOT, timeout=300)
        assert done.returncode == 1
        assert f"Port {port}" in done.stderr
        squatter.stdin.close()
        assert squatter.stdout.readline() == "nobody\n"
    with socket.create_server(("127.0.0.1", 0)), service._listen(0) as ours:
        assert ours.getsockname()[1] != 0
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
@pytest.mark.parametrize("closes", [False, True])
def test_who_connects_is_known_and_who_is_gone_again_is_nobody(closes: bool) -> None:
    """Of a connection that was closed at the other end the kernel says that it is root's."""
    from lsi_match.flows.server import _user_at

    with socket.create_server(("127.0.0.1", 0)) as ours:
        os.seteuid(65534)
        try:
            theirs = socket.socket()
        finally:
            os.seteuid(0)
        with theirs:
            theirs.connect(ours.getsockname())
            theirs.sendall(b"GET / HTTP/1.1\r\n\r\n")
            port = theirs.getsockname()[1]
            if closes:
                theirs.close()
            assert _user_at(port, ours.getsockname()[1]) == (None if closes else 65534)


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


@dataclass(frozen=True)
class OneProject:
    """As much of a project as the timetable looks at."""

    id: str
    opens: datetime | None = None

    def manifest(self) -> Any:
        return SimpleNamespace(schedule=SimpleNamespace(last_hour=lambda now: self.opens))


def test_each_project_is_due_once_in_ten_minutes_and_not_all_at_the_same_time() -> None:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    begun: dict[str, list[int]] = {}
    for project in [OneProject(f"p{number}") for number in range(50)]:
        last: datetime | None = start
        for minute in range(1, 61):
            now = start + timedelta(minutes=minute)
            if service.is_due(project, last, now):  # type: ignore[arg-type]
                last = now
                begun.setdefault(project.id, []).append(minute)
    assert {len(minutes) for minutes in begun.values()} == {6}
    assert {b - a for minutes in begun.values() for a, b in pairwise(minutes)} == {10}
    assert len({minutes[0] for minutes in begun.values()}) == 10


def test_a_project_is_due_when_it_was_never_looked_at_and_when_a_round_is_to_open() -> None:
    now = datetime(2026, 6, 1, 6, 0, 30, tzinfo=UTC)
    assert service.is_due(OneProject("p"), None, now)  # type: ignore[arg-type]
    opens = OneProject("p", opens=datetime(2026, 6, 1, 6, 0, tzinfo=UTC))
    assert service.is_due(opens, now - timedelta(minutes=1), now)  # type: ignore[arg-type]
    assert not service.is_due(opens, now, now)  # type: ignore[arg-type]


def test_metrics_are_written_once_in_five_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of all projects at once, and were most of what the service cost while nothing happened."""
    monkeypatch.setattr(service.signal, "signal", lambda *_: None)
    begun: list[str] = []
    monkeypatch.setattr(service.Service, "_fork", lambda _, name, work: begun.append(name))
    start = datetime(2026, 6, 1, tzinfo=UTC)
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "log").open("w") as log:
        made = service.Service(tmp_path, service.Part(tmp_path, listener, None, 0), None, "en", log.fileno())
        for second in range(0, 3600, 20):
            made._measure_at(start + timedelta(seconds=second))
    assert begun == [""] * 12


def test_manifests_of_fifty_projects_are_read_once_and_not_each_minute() -> None:
    manifests = []
    for number in range(50):
        document = handmade.document()
        document["project"]["id"] = f"proef-{number}"
        manifests.append(Manifest.model_validate(document).canonical())
    load_manifest.cache_clear()
    for data in [*manifests, *manifests]:
        load_manifest(data)
    assert load_manifest.cache_info().misses == 50


def test_what_cannot_be_done_now_does_not_end_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No process can be forked, no part started, no log set aside, no project read: it is told, and tried again."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(service.signal, "signal", lambda *_: None)
    monkeypatch.setattr(service.subprocess, "Popen", fails)
    monkeypatch.setattr(service.os, "fork", fails)
    monkeypatch.setattr(Site, "projects", lambda _: [OneProject("p")])
    waits = iter([True, True, True, False])
    monkeypatch.setattr(service.Service, "_wait", lambda *_: next(waits))
    (tmp_path / "serve").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "log").open("w") as log:
        part = service.Part(tmp_path, listener, None, log.fileno())
        before = len([*Path("/proc/self/fd").iterdir()])
        for _ in range(3):
            part.due = 0
            waits = iter([True, False])
            service.Service(tmp_path, part, None, "en", log.fileno()).serve()
        left = len([*Path("/proc/self/fd").iterdir()]) - before
        assert left <= 3 * 2, "but for the pipes by which each is told to stop"
    assert (tmp_path / service.PART_STOPPED).exists(), "the alarm `service` is on"
    told = [json.loads(line) for line in (tmp_path / EVENTS).read_text().splitlines()]
    assert {one["level"] for one in told} == {"error"}
    assert [one["event"] for one in told].count("service stumbled") >= 6


def test_what_is_installed_is_what_is_pinned() -> None:
    versions = pinned()
    assert versions["prefect"].startswith("3.")
    assert len(versions) > 10
