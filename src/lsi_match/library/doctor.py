"""Is everything in order at one party: keys, folders, places, versions, clock, and what is missing. Opens no key, changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from lsi_match.agreement.trust_root_rules import check_current
from lsi_match.base.clock import CLOCK_SKEW, minute
from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION, numbers
from lsi_match.crypto.keys import key_state
from lsi_match.log.entry import LogEntry
from lsi_match.log.store import Log
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.home import Home
from lsi_match.partner.transfer import settings_in
from lsi_match.partner.work_settings import WorkSettings, work_of
from lsi_match.protocol.place_files import LOG_SUFFIX, newest_copy
from lsi_match.protocol.trust_root import MATCHER
from lsi_match.transport.endpoints import EndpointSettings, Side, open_endpoint

#: What is less than this free is told.
_FREE = 2**30
#: Package → for what it is needed.
_EXTRAS = {
    "starlette": "desk",
    "duckdb": "partner",
    "xlsxwriter": "partner",
    "paramiko": "sftp",
    "s3fs": "s3",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what (of `doctor.toml`), about which project, what was found, and what is wrong, if anything.
    `graver`: somebody has to do something."""

    what: str
    about: str
    found: str
    error: LsiError | None = None
    graver: bool = True


def examine(folder: Path, now: datetime) -> Iterator[Finding]:
    """Everything that there is to look at in the folder of a party, or in a matching site."""
    yield Finding("version", "", VERSION)
    missing = sorted({extra for package, extra in _EXTRAS.items() if find_spec(package) is None})
    yield Finding("extras", "", ", ".join(missing) or "-")
    keys = _of("keys", "", lambda: _keys(folder))
    yield keys
    if keys.error is None and not key_state(folder / "keys").protected:
        yield Finding(
            "protected", "", "-", LsiError("KeysUnprotectedError", folder=str(folder / "keys")), graver=False
        )
    yield _of("disk", "", lambda: _disk(folder))
    yield _of("folder", "", lambda: _writable(folder))
    home, projects = home_of(folder), folder / "projects"
    for project in (
        sorted(one.name for one in projects.iterdir() if one.is_dir()) if projects.is_dir() else ()
    ):
        yield _of("trust", project, partial(_trust, home, project, now))
        yield from (_of_site if home.name == MATCHER else _of_party)(home, project, now)


def home_of(folder: Path) -> Home:
    """The folder of a party, or a matching site; also where its keys are damaged."""
    try:
        return Home.of(folder)
    except LsiError:
        return Home(folder, MATCHER if any(folder.glob("projects/*/delivery.yaml")) else "-")


def _of(what: str, about: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, about, look())
    except LsiError as error:
        return Finding(what, about, "-", error)


def _keys(folder: Path) -> str:
    state = key_state(folder / "keys")
    if state.readable_by_others:
        raise LsiError("KeysOpenError", files=", ".join(state.readable_by_others))
    return f"{state.card.name}, {state.signing}"


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _FREE:
        raise LsiError("DiskNearlyFullError", folder=str(folder), free=free // 2**20)
    return f"{free // 2**30} GiB"


def _writable(folder: Path) -> str:
    """The folder, where one can write in it, or make it."""
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise LsiError("NotWritableError", folder=str(folder))
    return str(folder)


def _trust(home: Home, project: str, now: datetime) -> str:
    root = home.trust(project, now).current
    check_current(root, now)
    return f"{root.version}, {root.expires_at:%Y-%m-%d}"


def _of_site(home: Home, project: str, now: datetime) -> Iterator[Finding]:
    """The places of its partners; everything else is among its alarms."""
    from lsi_match.matcher.operate.transfers import places_of
    from lsi_match.matcher.site.site import Site

    try:
        places = places_of(Site(home.folder).project(project, begun=True))
    except LsiError as error:
        yield Finding("place", project, "-", error)
        return
    for name, settings in places.items():
        yield _of("place", f"{project} {name}", partial(_reached, settings, "in"))


def _of_party(home: Home, project: str, now: datetime) -> Iterator[Finding]:
    if (home.project(project) / "manifest.json").exists():
        yield _of("agreement", project, lambda: _agreement(home, project, now))
        yield _of("log", project, lambda: _seen(home, project))
        with suppress(LsiError):  # told of the agreement already
            for end in home.ends(project, now):
                error = LsiError("AgreementEndsError", end=end.text("en"), end_nl=end.text("nl"))
                yield Finding("ends", project, "-", error, graver=end.days_warned(now) == 0)
    work = _of("work", project, lambda: _writable(work_of(home, project).folder))
    yield work
    if work.error is None:
        yield from _work(home, project, work_of(home, project), now)


def _agreement(home: Home, project: str, now: datetime) -> str:
    manifest = home.agreed_manifest(project, now)
    if home.name in manifest.partners and not (home.project(project) / "key-share.json").exists():
        raise LsiError("KeyShareMissingError", partner=home.name)
    return manifest.digest


def _seen(home: Home, project: str) -> str:
    seen = home.log(project).checkpoint
    return str(seen.size) if seen else "-"


def _work(home: Home, project: str, work: WorkSettings, now: datetime) -> Iterator[Finding]:
    yield _of("place", project, lambda: _reached(settings_in(work.place), "out"))
    if work.mapping is not None:
        mapping, extracts = work.mapping, work.extracts or Path()
        mapped = _of("mapping", project, lambda: ", ".join(read_mapping(mapping).selections))
        yield mapped if mapped.error else _of("extracts", project, lambda: _extracts(mapping, extracts))
    yield from _beside_the_log(project, work, now)
    if left := Exchange(home, project, None).unsent():
        yield Finding(
            "unsent", project, str(len(left)), LsiError("UnsentLeftError", count=len(left)), graver=False
        )


def _reached(settings: EndpointSettings, side: Side) -> str:
    with open_endpoint(settings) as there:
        return str(len(there.listing(side)))


def _extracts(mapping: Path, folder: Path) -> str:
    wanted = {one.extract: folder / one.extract for one in read_mapping(mapping).selections.values()}
    if missing := [str(file) for file in wanted.values() if not file.exists()]:
        raise LsiError("ExtractsMissingError", folder=", ".join(missing))
    return ", ".join(wanted)


def _beside_the_log(project: str, work: WorkSettings, now: datetime) -> Iterator[Finding]:
    """Clock and version, beside what the matching environment wrote last, and beside the files that were fetched."""
    files = list((work.folder / "in").glob("*"))
    latest = max((file.stat().st_mtime for file in files), default=0.0)
    newest = newest_copy((file.name for file in files), project)
    if newest:
        try:
            with Log.open(work.folder / "in" / f"{project}.{newest}{LOG_SUFFIX}", read_only=True) as log:
                last = LogEntry.from_leaf(log.leaf(log.size - 1))
        except LsiError as error:
            yield Finding("copy", project, "-", error)
            return
        latest = max(latest, last.moment.timestamp())
        theirs = str(last.resource.get("service.version", ""))
        older = (
            LsiError("OlderProgramError", own=VERSION, theirs=theirs)
            if numbers(VERSION) < numbers(theirs)
            else None
        )
        yield Finding("theirs", project, theirs, older)
    ahead = latest > (now + CLOCK_SKEW).timestamp()
    yield Finding(
        "clock", project, minute(now), LsiError("ClockWrongError", now=minute(now)) if ahead else None
    )
