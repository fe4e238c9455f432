"""What the operator of a matching site sets up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from lsi_match.base import dry_run
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_folder, read_text
from lsi_match.base.version import VERSION
from lsi_match.cli.console import done, language, project_of, say, tell
from lsi_match.matcher.site.site import Site

if TYPE_CHECKING:
    from lsi_match.matcher.operate.restore import Outcome

app = App(name="site")


@app.command
def init(site: Path, *, protect: bool = False, hybrid: bool | None = None) -> None:
    """Make a matching site: a folder with keys of its own.

    Args:
        site: the folder. Put it on an encrypted disk, readable by one user.
        protect: put its keys behind a passphrase, which every command that uses them then needs.
        hybrid: what is sealed to it withstands a quantum computer too (age1pq1…); default: not where age is older than 1.3.
    """
    from lsi_match.crypto.age_keys import tools_open_hybrid
    from lsi_match.crypto.passphrase import ask_new

    hybrid = tools_open_hybrid() if hybrid is None else hybrid
    passphrase = ask_new(str(site / "keys" / "encryption.age")) if protect else None
    card = Site.make(site, passphrase, hybrid=hybrid).folder / "keys" / "card.json"
    tell("site.made", {"card": str(card)}, site=site)


@app.command
def accept(site: Path, manifest: Path, *, approvals: Path) -> None:
    """Take in a manifest that every controller signed.

    Args:
        approvals: folder with the approval of every controller, and what else was signed about the manifest.
    """

    project = Site(site).accept(read_bytes(manifest), read_folder(approvals, "*.json"), utc_now())
    tell("site.accepted", {"project": project.id, "inbox": str(project.folder / "inbox")})


@app.command
def papers(site: Path, project: str, papers: Path) -> None:
    """Take in what was signed about a manifest that was shared or accepted: approvals, acknowledgements, withdrawals.

    Args:
        papers: folder with the signed papers.
    """
    from lsi_match.matcher.site.share_manifest import receive

    now = receive(Site(site), project, read_folder(papers, "*.json"), utc_now())
    said = {
        "approved": list(now.approvals),
        "withdrawn": list(now.withdrawn),
        "acknowledged": list(now.roles),
    }
    tell("site.papers", said)


@app.command
def places(site: Path, project: str) -> None:
    """Set up the places of delivery.yaml where files change hands: both sides, and the marker they are known by.

    Give this once per place, with every share mounted: a place without its marker is taken to be away.
    """
    from lsi_match.matcher.operate.transfers import places_of
    from lsi_match.transport.endpoints import set_up

    names = []
    for name, settings in places_of(Site(site).project(project, begun=True)).items():
        set_up(settings)
        names.append(name)
    tell("site.places", {"places": names})


@app.command
def backup(site: Path, *, to: Path) -> None:
    """Write a backup of a site: one file, with a list of what it holds and a seal. The keys of the site are in it.

    Args:
        to: the file, whole or not at all; one that is there is replaced.
    """
    from lsi_match.matcher.operate.backup import back_up

    made = back_up(Site(site), to, utc_now())
    said = {"backup": str(to), "files": len(made.files), "entries": made.entries}
    told = [f"{name} ({entries})" for name, entries in made.entries.items()]
    tell("site.backup", said, told=told)


@app.command
def restore(
    site: Path,
    *,
    backup: Path | None = None,
    of: Annotated[tuple[Path, ...], Parameter(name="--from")] = (),
    without_places: bool = False,
) -> None:
    """Put a site back: from a backup, and from the newest copy of each log that any place or controller holds.

    Nothing is signed before that log is shown to go on from every cosignature that was found. Can be given again.

    Args:
        site: the matching site; with --backup a folder that is empty or not there.
        backup: the file that 'site backup' made; left out, the site as it lies there, with an older log put back by hand.
        of: folders with what organisations sent: copies of the log, cosignatures, log-seen, manifest, approvals, trust roots.
        without_places: go on when a place cannot be reached. What lies only there is lost.
    """
    from lsi_match.matcher.operate.backup import unpack
    from lsi_match.matcher.operate.restore import restore as put_back

    if backup is not None:
        unpack(backup, site)
    outcomes = put_back(Site(site), of, utc_now(), without_places=without_places)
    lines = [line for one in outcomes for line in _restored(one)]
    done(lines or say("site.no_project"), {"projects": [vars(one) for one in outcomes]})


def _restored(one: Outcome) -> Iterator[str]:
    """What came of putting back one project, line by line."""
    facts = vars(one)
    yield say("site.restored", **facts)
    if one.closed:
        yield say("site.ended", **facts)
    if one.lost is not None:
        yield say("site.lost", **facts)
    if one.forks:
        yield say("site.fork", **facts)
    if one.missing:
        yield say("site.papers_missing", **facts)


@app.command
def upgrade(site: Path, *, check: bool = False, end_rounds: bool = False) -> int:
    """After another version of the program was installed: see what there is to know (--check), then make anew what changed.

    Ends with exit status 1 while something has to be done first; then nothing is changed.

    Args:
        site: the matching site. Make a backup first ('site backup').
        check: only say what there is to know.
        end_rounds: end the rounds that cannot go on under this version: their keys and drops are destroyed.
    """
    from lsi_match.matcher.operate import upgrade as upgrading

    of = Site(site)
    found = (
        upgrading.check(of, utc_now())
        if check or dry_run.is_on()
        else upgrading.upgrade(of, utc_now, end_rounds=end_rounds)
    )
    first = check and any(one.first for one in found)
    lines = [
        f"{one.project}: {say('site.first') if one.first else ''}{getattr(one, language())}." for one in found
    ]
    said = {"program": VERSION, "done": not check, "found": [vars(one) for one in found]}
    done([*lines, *([] if first else [say("site.ready", **said)])], said)
    return 1 if first else 0


@app.command
def explain(site: Path, project: str, text: Path) -> None:
    """Explain, in a text that is kept and logged, every checkpoint that was reported and is none of this log (alarm fork).

    Args:
        text: a file with the explanation, in plain words; the organisations get it with the log.
    """
    from lsi_match.log.events import ForkExplained

    of, said = project_of(site, project), read_text(text)
    with of.writer() as log:
        if not log.view.forks:
            raise wrong_use("cli.nothing_to_explain")
        event = ForkExplained(explanation=of.keep(said.encode()))
        log.record(event, utc_now(), manifest=of.manifest().digest)
    tell("site.logged", {"explained": True})


@app.command
def health(site: Path) -> int:
    """Is everything as it should be? Exit status 0, or 1 with the alarms that are on. For a timer, or a container."""
    from lsi_match.matcher.operate.alarms import alarms

    read_bytes(site / "keys" / "card.json")  # a folder that is no site is told
    on = [alarm for project in Site(site).projects() for alarm in alarms(project, utc_now())]
    lines = [f"{alarm.project}: {alarm.name}: {alarm.text(language())}" for alarm in on]
    healthy = {"healthy": not on, "alarms": [vars(alarm) for alarm in on]}
    done(lines or say("site.well"), healthy)
    return 1 if on else 0


@app.command
def serve(site: Path, *, port: int = 0, database: str | None = None, memory_limit: str | None = None) -> None:
    """Run the projects of a site by themselves: look at each in time, run its rounds, show them in Prefect.

    Goes on until it is interrupted. The Prefect server listens on 127.0.0.1 only, behind a password that is new at every
    start and in no file ('site prefect').

    Args:
        port: of the server; when left out, one that is free.
        database: of the server, for example postgresql+asyncpg:///prefect; without it a file in SITE/serve.
        memory_limit: of the matching engines together, for example 4GiB; as SITE/runner.yaml says when left out.
    """
    from lsi_match.matcher.operate.runner import serve as become_service

    if database and urlsplit(database).password:
        raise wrong_use("cli.password_in_database")
    Site(site).identity()  # a folder that is no site, or keys that need a passphrase, are told at once
    become_service(site, port, database, memory_limit or "", language())


@app.command
def prefect(site: Path, *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Look into the Prefect server of a site that is served: the program 'prefect', told where it is and its password.

    For example: site prefect SITE flow-run ls. It shows what was done; nothing can be started with it.

    Args:
        arguments: of 'prefect'.
    """
    from lsi_match.matcher.operate.runner import prefect as become_prefect

    become_prefect(site, arguments)
