"""What the operator of a matching site sets up."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from cyclopts import App

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_bytes, read_folder
from lsi_match.cli.console import Json, done, language, say

app = App(name="site")


@app.command
def init(site: Path, *, protect: bool = False, json: Json = False) -> None:
    """Make a matching site: a folder with keys of its own.

    Args:
        site: the folder. Put it on an encrypted disk, readable by one user.
        protect: put its keys behind a passphrase, which every command that uses them then needs.
    """
    from lsi_match.crypto.passphrase import ask_new
    from lsi_match.matcher.site.site import Site

    passphrase = ask_new(str(site / "keys" / "encryption.age")) if protect else None
    card = Site.make(site, passphrase).folder / "keys" / "card.json"
    done(say(f"Koppelomgeving gemaakt: {site}. Geef {card} aan de projectleider.",
             f"Matching site made: {site}. Give {card} to the project leader."), {"card": str(card)}, json)  # fmt: skip


@app.command
def accept(site: Path, manifest: Path, *, approvals: Path, json: Json = False) -> None:
    """Take in a manifest that every controller signed.

    Args:
        site: the matching site.
        manifest: the manifest (canonical JSON).
        approvals: folder with the approval of every controller, and what else was signed about the manifest.
    """
    from lsi_match.matcher.site.site import Site

    project = Site(site).accept(read_bytes(manifest), read_folder(approvals, "*.json"), utc_now())
    done(say(f"Project {project.id} is vastgelegd. Inbox per deelnemer: {project.folder / 'inbox'}",
             f"Project {project.id} is registered. Inbox per partner: {project.folder / 'inbox'}"),
         {"project": project.id, "inbox": str(project.folder / "inbox")}, json)  # fmt: skip


@app.command
def papers(site: Path, project: str, papers: Path, *, json: Json = False) -> None:
    """Take in what was signed about a manifest that was shared or accepted: approvals, acknowledgements, withdrawals.

    Args:
        site: the matching site.
        project: its name.
        papers: folder with the signed papers.
    """
    from lsi_match.matcher.site.share_manifest import receive
    from lsi_match.matcher.site.site import Site

    now = receive(Site(site), project, read_folder(papers, "*.json"), utc_now())
    done(say(f"Vastgelegd. Goedgekeurd: {', '.join(now.approvals) or '-'}. Ingetrokken: {', '.join(now.withdrawn) or '-'}. "
             f"Werkinstructie gelezen: {', '.join(now.roles) or '-'}.",
             f"Taken in. Approved: {', '.join(now.approvals) or '-'}. Withdrawn: {', '.join(now.withdrawn) or '-'}. "
             f"Work instruction read: {', '.join(now.roles) or '-'}."),
         {"approved": list(now.approvals), "withdrawn": list(now.withdrawn), "acknowledged": list(now.roles)}, json)  # fmt: skip


@app.command
def places(site: Path, project: str, *, json: Json = False) -> None:
    """Set up the places of delivery.yaml where files change hands: both sides, and the marker they are known by.

    Give this once per place, with every share mounted: a place without its marker is taken to be away.

    Args:
        site: the matching site.
        project: its name.
    """
    from lsi_match.matcher.operate.transfers import places_of
    from lsi_match.matcher.site.site import Site
    from lsi_match.transport.endpoints import set_up

    names = []
    for name, settings in places_of(Site(site).project(project)).items():
        set_up(settings)
        names.append(name)
    done(say(f"Ingericht: {', '.join(names) or '-'}.", f"Set up: {', '.join(names) or '-'}."), {"places": names}, json)  # fmt: skip


@app.command
def health(site: Path, *, json: Json = False) -> int:
    """Is everything as it should be? Exit status 0, or 1 with the alarms that are on. For a timer, or a container.

    Args:
        site: the matching site.
    """
    from lsi_match.matcher.operate.alarms import alarms
    from lsi_match.matcher.site.site import Site

    read_bytes(site / "keys" / "card.json")  # a folder that is no site is told
    on = [alarm for project in Site(site).projects() for alarm in alarms(project, utc_now())]
    lines = [f"{alarm.project}: {alarm.name}: {say(alarm.nl, alarm.en)}" for alarm in on]
    healthy = {"healthy": not on, "alarms": [vars(alarm) for alarm in on]}
    done(lines or say("Alles is in orde.", "Everything is well."), healthy, json)
    return 1 if on else 0


@app.command
def serve(
    site: Path, *, port: int = 4200, database: str | None = None, memory_limit: str | None = None
) -> None:
    """Run the projects of a site by themselves: a Prefect server on this machine, its schedules, and a worker.

    Goes on until it is interrupted. The server listens on 127.0.0.1 only, behind a password in SITE/serve/password.

    Args:
        site: the matching site.
        port: of the server.
        database: of the server, for example postgresql+asyncpg:///prefect; without it a file in SITE/serve.
        memory_limit: of the matching engines together, for example 4GiB; as SITE/runner.yaml says when left out.
    """
    from lsi_match.matcher.operate.runner import serve as become_service
    from lsi_match.matcher.site.site import Site

    if database and urlsplit(database).password:
        raise wrong_use(
            "in --database staat een wachtwoord, dat iedereen op deze computer dan kan zien. Zet het in ~/.pgpass",
            "--database holds a password, which everybody on this machine could then see. Put it in ~/.pgpass",
        )
    Site(site).identity()  # a folder that is no site, or keys that need a passphrase, are told at once
    become_service(site, port, database, memory_limit or "", language())
