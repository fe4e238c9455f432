"""What pages of the desk cost beside the calls behind them, and the first page of a long log beside that of a short one, in the same
run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.look import LONG, SHORT, _project
from benchmarks.timing import timed
from lsi_match.agreement.gates import Evidence, evaluate
from lsi_match.base.files import read_bytes
from lsi_match.desk.app import Desk
from lsi_match.desk.guard import COOKIE, Keys
from lsi_match.desk.verified import VerifiedLog
from lsi_match.desk.work import ProjectWork, Work
from lsi_match.log.export import export_copy
from lsi_match.log.store import Log
from lsi_match.matcher.site.site import Project
from lsi_match.partner.approving import text_to_sign
from lsi_match.partner.home import Home
from lsi_match.partner.work_settings import WorkSettings, set_work
from lsi_match.reports.log_report import Evidence as LogEvidence
from lsi_match.reports.log_report import account
from lsi_match.reports.manifest_page import explained

TURNS = 15


def pages(place: Path) -> dict[str, tuple[float, float]]:
    """Name → seconds of the page, and of the call behind it (of `first_page`: of a log of 10,000 entries, and of 100)."""
    made = {size: _home(place / str(size), size) for size in (SHORT, LONG)}
    first = {size: min(_first(*one) for _ in range(5)) for size, one in made.items()}
    home, project, now = made[SHORT]
    client = _Browser(home, now)
    work = ProjectWork(home, project.id, now)
    verified = client.desk.verifier.of(work)
    assert verified
    log = verified.result()
    calls = _calls(home, project.id, now, log)
    found = {
        f"pages.{name or 'overview'}": (
            client.quickest(f"/nl/{project.id}/{name}"), _quickest(call)
        )
        for name, call in calls.items()
    }  # fmt: skip
    return {"pages.first_page.10000": (first[LONG], first[SHORT]), **found}


def _calls(home: Home, project: str, now: datetime, log: VerifiedLog) -> dict[str, Callable[[], object]]:
    """Page → what it shows, as the library gives it."""

    def work() -> ProjectWork:
        return ProjectWork(home, project, now)

    def agreement() -> object:
        one = work()
        trust, manifest = home.trust(project, now), one.unchecked_manifest
        return evaluate(manifest, Evidence(one.papers, now, trust)), explained(
            manifest, "nl", digest=None
        ).fragment

    def sign() -> object:
        one = work()
        trust, manifest = home.trust(project, now), one.proposals[-1].manifest
        gates = evaluate(manifest, Evidence(one.papers, now, trust))
        return gates, text_to_sign(home, manifest, "nl")[0].fragment

    def told() -> object:
        with Log.open(log.file, read_only=True) as store:
            origin = store.origin
        every, manifest = log.entries(0, log.found.size), read_bytes(home.project(project) / "manifest.json")
        return account(LogEvidence(origin, every, log.found, None, now, manifest=manifest), "nl").fragment

    digest = work().unchecked_manifest.digest.removeprefix("sha256:")
    return {
        "": lambda: list(work().tasks()),
        "agreement": agreement,
        f"sign/{digest}": sign,
        f"rounds/{log.rounds[-1].name}": lambda: log.of_round(log.rounds[-1].name),
        "account": told,
    }


def _home(place: Path, size: int) -> tuple[Home, Project, datetime]:
    """A partner with a copy of a log of so many entries."""
    project, now = _project(place, size)
    home = Home(place / "uwv", "uwv")
    file, folder = place / "place.yaml", place / "work"
    file.write_text(f"url: {place / 'elsewhere'}\n")
    (folder / "in").mkdir(parents=True)
    set_work(home, project.id, WorkSettings(place=file, folder=folder))
    with project.reader() as log:
        export_copy(log.log, folder / "in" / f"{project.id}.{log.log.size}.log.sqlite")
    return home, project, now


class _Browser:
    """Asks a desk for pages, without a network or a client between them."""

    def __init__(self, home: Home, now: datetime) -> None:
        keys = Keys()
        self.desk = Desk(Work(home), keys, lambda: now, None)
        self._app, self._loop = self.desk.app(), asyncio.new_event_loop()
        self._headers = [(b"host", keys.address.encode()), (b"cookie", f"{COOKIE}={keys.cookie}".encode())]

    def get(self, path: str) -> None:
        self._loop.run_until_complete(self._asked(path))

    def quickest(self, path: str) -> float:
        """Seconds of a page, one after another in one loop, as a server has it: the thread that makes a page is there already."""

        async def turns() -> float:
            seconds = []
            for _ in range(TURNS):
                start = time.perf_counter()
                await self._asked(path)
                seconds.append(time.perf_counter() - start)
            return min(seconds)

        return self._loop.run_until_complete(turns())

    async def _asked(self, path: str) -> None:
        scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": self._headers,
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1",
        }  # fmt: skip
        told: list[Any] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        assert told[0]["status"] == 200, path


def _first(home: Home, project: Project, now: datetime) -> float:
    """The first page of the log at a desk that was just begun."""
    client = _Browser(home, now)
    client.get("/nl/")
    seconds = timed(lambda: client.get(f"/nl/{project.id}/log"))
    if found := client.desk.verifier.of(ProjectWork(home, project.id, now)):
        found.result()  # or it goes on beside what is measured next
    client.desk.verifier.close()
    return seconds


def _quickest(work: Callable[[], Any]) -> float:
    return min(timed(work) for _ in range(TURNS))
