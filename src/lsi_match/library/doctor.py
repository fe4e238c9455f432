"""Is everything in order at one party: keys, folders, places, versions, clock, and what is missing. Opens no key, changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from lsi_match.base.clock import CLOCK_SKEW
from lsi_match.base.errors import LsiError
from lsi_match.base.version import VERSION
from lsi_match.crypto.keys import key_state
from lsi_match.partner.exchange import Exchange
from lsi_match.partner.extract.column_mapping import read_mapping
from lsi_match.partner.home import Home
from lsi_match.partner.transfer import settings_in
from lsi_match.partner.work_settings import WorkSettings, work_of
from lsi_match.transport.endpoints import open_endpoint

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


def examine(home: Home, now: datetime) -> Iterator[Finding]:
    """Everything that there is to look at in the folder of a party."""
    yield Finding("version", "", VERSION)
    missing = sorted({extra for package, extra in _EXTRAS.items() if find_spec(package) is None})
    yield Finding("extras", "", ", ".join(missing) or "-")
    yield _of("keys", "", lambda: _keys(home))
    if not key_state(home.folder / "keys").protected:
        yield Finding(
            "protected",
            "",
            "-",
            LsiError("KeysUnprotectedError", folder=str(home.folder / "keys")),
            graver=False,
        )
    yield _of("disk", "", lambda: _disk(home.folder))
    folder = home.folder / "projects"
    for project in sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else ():
        yield from _project(home, project, now)


def _of(what: str, about: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, about, look())
    except LsiError as error:
        return Finding(what, about, "-", error)


def _keys(home: Home) -> str:
    state = key_state(home.folder / "keys")
    if state.readable_by_others:
        raise LsiError("KeysOpenError", files=", ".join(state.readable_by_others))
    return f"{state.card.name}, {state.signing}"


def _disk(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _FREE:
        raise LsiError("DiskNearlyFullError", folder=str(folder), free=free // 2**20)
    return f"{free // 2**30} GiB"


def _project(home: Home, project: str, now: datetime) -> Iterator[Finding]:
    yield _of("trust", project, lambda: _trust(home, project, now))
    if (home.project(project) / "manifest.json").exists():
        yield _of("agreement", project, lambda: home.agreed_manifest(project, now).digest)
        seen = home.log(project).checkpoint
        yield Finding("log", project, str(seen.size) if seen else "-")
    work = _of("work", project, lambda: str(work_of(home, project).folder))
    yield work
    if work.error is None:
        yield from _work(home, project, work_of(home, project), now)


def _trust(home: Home, project: str, now: datetime) -> str:
    root = home.trust(project, now).current
    return f"{root.version}, {root.expires_at:%Y-%m-%d}"


def _work(home: Home, project: str, work: WorkSettings, now: datetime) -> Iterator[Finding]:
    yield _of("place", project, lambda: _place(work))
    if work.mapping is not None:
        mapping = work.mapping
        yield _of("mapping", project, lambda: ", ".join(read_mapping(mapping).selections))
    if work.extracts is not None and not work.extracts.is_dir():
        yield Finding("extracts", project, "-", LsiError("ExtractsMissingError", folder=str(work.extracts)))
    newest = max((file.stat().st_mtime for file in (work.folder / "in").glob("*")), default=0.0)
    if newest > (now + CLOCK_SKEW).timestamp():
        yield Finding("clock", project, "-", LsiError("ClockWrongError", now=f"{now:%Y-%m-%d %H:%M}"))
    if left := Exchange(home, project, None).unsent():
        yield Finding(
            "unsent", project, str(len(left)), LsiError("UnsentLeftError", count=len(left)), graver=False
        )


def _place(work: WorkSettings) -> str:
    with open_endpoint(settings_in(work.place)) as there:
        return str(len(there.listing("out")))
