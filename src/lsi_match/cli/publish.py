"""The pages that everybody may read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import wrong_use
from lsi_match.base.files import write_whole
from lsi_match.cli.console import err as console
from lsi_match.cli.console import language, say, tell

if TYPE_CHECKING:
    from datetime import datetime

    from lsi_match.reports.public.facts import ProjectFacts

app = App(name="publish")


@app.default
def publish(place: Path, *, log: tuple[Path, ...] = (), out: Path = Path("public")) -> None:
    """Write the public pages of a site: how it works, each project, and the register that its log points to.

    Static files in Dutch and English, to be served as https://<domain>/. They hold what the organisations signed and what
    the log says; no signal, and counts of people only rounded, from April of the next year on.

    Args:
        place: the matching site; or the home of a controller, with copies of logs.
        log: a copy of the log of a project as it was fetched, with its papers beside it (.papers.json). It is verified first.
        out: the folder to write to. What lies there under another name stays.
    """
    from lsi_match.matcher.site.site import Site
    from lsi_match.reports.plain_words import advice
    from lsi_match.reports.public.pages import write_pages

    now = utc_now()
    projects = [] if log else [one.id for one in Site(place).projects()]
    facts = [_facts(place, one, None, now) for one in projects] + [
        _facts(place, None, one, now) for one in log
    ]
    written = write_pages(facts, out, now)
    texts: dict[str, str] = {}  # each once, by the first organisation that wrote it
    for one in facts:
        for name, sheet in one.sheets.items():
            for key, text in (("rights", sheet.rights), *sheet.shared):
                if text and text not in texts.values():
                    texts[f"{one.manifest.project.id}.{name}.{key}"] = text
    words = advice(texts, language())
    for told in words:
        console.print(say("publish.words", told=told), markup=False)
    said = {"out": str(out), "files": len(written), "words": words}
    tell("publish.written", said, begin=out / "index.html")


@app.command
def annex(
    place: Path, project: str, controller: str, *, log: Path | None = None,
    form: Literal["algorithm-register", "processing-register", "vws", "dpia"], out: Path,
) -> None:  # fmt: skip
    """Write what one organisation hands to a register, or adds to its DPIA, made from what was signed and from the log.

    Refused when something that the form needs was signed by nobody, with its name.

    Args:
        place: the matching site; or the home of a controller, with a copy of the log.
        project: the project.
        controller: the organisation that it is of.
        log: a copy of the log as it was fetched, with its papers beside it (.papers.json). It is verified first.
        form: algorithm-register (publication standard 1.0), processing-register (the interface of the register of processing
            activities, in terms of the W3C DPV), vws (a zip for the register of VWS), or dpia (an annex to the form of the
            government, never the assessment itself).
        out: the file to write.
    """
    from lsi_match.reports.annexes.fill import annex as made

    now = utc_now()
    facts = _facts(place, project, log, now)
    if controller not in facts.manifest.controllers:
        known = ", ".join(facts.manifest.controllers)
        raise wrong_use("cli.known_controllers", known=known)  # fmt: skip
    write_whole(out, made(form, facts, controller, now), replace=True)
    tell("publish.annex", {"file": str(out), "form": form})


def _facts(place: Path, project: str | None, copy: Path | None, now: datetime) -> ProjectFacts:
    """What is known of a project at a site; or in a home, by a copy of its log.

    Raises:
        LsiError: as `library.logs.public_facts` says.
    """
    from lsi_match.matcher.operate.publish import public_facts
    from lsi_match.matcher.site.site import Site

    if copy is None:
        return public_facts(Site(place).project(str(project)), now)
    from lsi_match.library.logs import public_facts as facts_in

    return facts_in(copy, place, now, project)
