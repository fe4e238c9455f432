"""One's own folder and work: set once where it lies, and let everything change hands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from lsi_match.base import dry_run
from lsi_match.base.catalogue import catalogue
from lsi_match.base.clock import minute, utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import FileMissingError
from lsi_match.cli.console import as_json, done, err, language, out, print_json, say, tell

if TYPE_CHECKING:
    from lsi_match.desk.work import ProjectWork
    from lsi_match.partner.deliver import Delivered
    from lsi_match.partner.home import Home
    from lsi_match.partner.work_settings import WorkSettings

use = App(name="use")
sync = App(name="sync")
doctor = App(name="doctor")


@use.default
def set_once(
    home: Path,
    project: str | None = None,
    *,
    place: Path | None = None,
    folder: Path | None = None,
    mapping: Path | None = None,
    extracts: Path | None = None,
    chain: Path | None = None,
    key: Path | None = None,
) -> None:
    """Set once which folder and project are yours, and what the work on the project needs; commands go on from there.

    From then on NAME, HOME, PROJECT, --place, --mapping, --extracts and --folder may be left out of a command.

    Args:
        home: your own folder, or the matching site.
        project: id of the project. It need not be joined yet.
        folder: for what is fetched (in/) and drops on their way (out/).
        mapping: which extract and which columns hold the fields of the manifest (YAML); for who delivers.
        extracts: folder of the extracts; for who delivers.
        chain: sign on the desk with a certificate: this one and those between it and the authority (PEM).
    """
    from lsi_match.cli.current import keep
    from lsi_match.partner.extract.column_mapping import read_mapping
    from lsi_match.partner.home import Home
    from lsi_match.partner.transfer import settings_in
    from lsi_match.partner.work_settings import WorkNotSetError, WorkSettings, set_work, work_of

    own = Home.of(home)
    given = {
        "place": place,
        "folder": folder,
        "mapping": mapping,
        "extracts": extracts,
        "chain": chain,
        "key": key,
    }
    said = {what: path for what, path in given.items() if path is not None}
    if said and project is None:
        raise wrong_use("cli.project_wanted")
    if project is not None and said:
        try:
            said = work_of(own, project).model_dump(exclude_none=True) | said
        except WorkNotSetError:
            if {"place", "folder"} - said.keys():
                raise wrong_use("cli.place_and_folder") from None
        settings = WorkSettings(**said)
        (
            settings_in(settings.place),
            settings.mapping and read_mapping(settings.mapping),
        )  # what is wrong is told now
        set_work(own, project, settings)
    file = keep(own, project)
    tell("own.set", {"file": str(file), "home": str(own.folder), "name": own.name, "project": project})


@sync.default
def let_change_hands(home: Path, project: str | None = None) -> int:
    """Let everything change hands: fetch and bring, take in what others signed, co-sign the log, deliver for open rounds.

    Then says what came, what was brought, and what to do next. Can be given at any time; nothing is done twice. Ends with
    exit status 1 when somebody has to look.

    Args:
        home: your own folder.
        project: id of the project; left out, every project that 'use' set.
    """
    from lsi_match.desk.work import Work
    from lsi_match.library.judging import judging
    from lsi_match.partner.deliver import synchronise

    told: dict[str, Any] = {}
    failed = False
    for work in Work.of(home).projects(utc_now()):
        if work.settings is None or project not in (None, work.id):
            continue
        if dry_run.is_on():
            told[work.id] = foreseen(work.home, work.id, work.settings)
            continue
        with err.status(say("partner.working")):
            found = synchronise(work.home, work.id, work.settings, utc_now(), language(), judging=judging)
        told[work.id] = outcome(found)
        failed |= found.failed
        after = Work.of(home).project(work.id, utc_now())
        next_ = _next(after) if after else []
        told[work.id]["next"] = next_
        if not as_json():
            out.print("\n".join(_lines(work.id, found, next_)))
    if not told:
        raise wrong_use("cli.nothing_set")
    if as_json():
        print_json({"projects": told})
    return int(failed)


def foreseen(home: Home, project: str, settings: WorkSettings) -> dict[str, Any]:
    """What would be fetched and brought; nothing is."""
    from lsi_match.partner.deliver import foresee
    from lsi_match.partner.exchange import described

    would, ready = foresee(home, project, settings)
    if not as_json():
        lines = [say("partner.would_fetch", one=one) for one in described(would, language())]
        out.print("\n".join([project, *lines, *(say("own.ready", one=one) for one in ready)]))
    return {"would_fetch": would, "would_bring": ready}


def _lines(project: str, found: Delivered, next_: list[str]) -> list[str]:
    from lsi_match.partner.exchange import described

    lines = [f"{project}"]
    lines += [say("own.came", one=one) for one in described(found.came, language())]
    lines += [say("own.brought", one=one) for one in described(found.brought, language())]
    lines += [say("own.joined", one=one) for one in found.joined]
    lines += delivered(found)
    lines += [say("own.to_do") if next_ else say("own.nothing")]
    return [*lines, *(f"  {one}" for one in next_)]


def _next(work: ProjectWork) -> list[str]:
    from lsi_match.desk.render import Renderer

    renderer = Renderer(language())
    return [renderer.text(f"task_{one.text}", **one.facts) for one in work.tasks()]


def outcome(found: Delivered) -> dict[str, Any]:
    """What was done, for a machine."""
    return {
        "sent": found.sent,
        "received": [one.round for one in found.receipts if one.refused is None],
        "refused": [one.round for one in found.refused],
        "problems": {what: error.reason for what, error in found.problems},
        "messages": found.messages,
        "others": found.others,
        "came": found.came,
        "brought": found.brought,
        "joined": found.joined,
    }


def delivered(found: Delivered) -> list[str]:
    """What came of drops and receipts, line by line."""
    lines = [say("own.sent", r=r) for r in found.sent]
    lines += [
        say("own.received", round=one.round, at=minute(one.at), position=one.position)
        for one in found.receipts
        if one.refused is None
    ]
    lines += [say("own.refused", round=one.round, refused=one.refused) for one in found.refused]
    lines += found.messages
    lines += [f"{what}: {error.text(language())}" for what, error in found.problems]
    seen = [f"{who} ({'-' if size is None else size})" for who, size in found.others.items()]
    lines += [say("own.cosigned", seen=seen)] if seen else []
    return lines


@doctor.default
def examined(home: Path) -> int:
    """See whether everything is in order in your folder: keys, trust root, agreement, place, mapping, disk, versions, clock.

    Opens no key and changes nothing. Of a matching site it says what 'site health' does as well. Ends with exit status 1 when
    something has to be done.

    Args:
        home: your own folder, or the matching site.
    """
    from lsi_match.library import doctor as library
    from lsi_match.matcher.operate.alarms import alarms
    from lsi_match.matcher.site.site import Site
    from lsi_match.protocol.trust_root import MATCHER

    now = utc_now()
    if not home.is_dir():
        raise FileMissingError(file=str(home))
    found = list(library.examine(home, now))
    site = Site(home).projects() if library.home_of(home).name == MATCHER and (home / "keys").is_dir() else ()
    on = [one for project in site for one in alarms(project, now)]
    words = catalogue(Path(library.__file__).with_suffix(".toml"))
    lines = []
    for one in found:
        mark = say("own.mind") if one.error else "ok"
        about = f"{one.about}: " if one.about else ""
        told = one.error.text(language()) if one.error else one.found
        lines.append(f"{mark:<7} {about}{words[one.what][language()]}: {told}")
    lines += [f"{say('own.mind'):<7} {one.project}: {one.name}: {one.text(language())}" for one in on]
    wrong = any(one.error and one.graver for one in found) or bool(on)
    document = [
        {"what": one.what, "project": one.about, "found": one.found, "error": one.error and one.error.reason}
        for one in found
    ]
    done(lines, {"ok": not wrong, "found": document, "alarms": [one.name for one in on]})
    return int(wrong)
