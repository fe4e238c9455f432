"""The pages that everybody may read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cyclopts import App

from lsi_match.cli.console import Json, done, language, say
from lsi_match.cli.console import err as console

app = App(name="publish")


@app.default
def publish(site: Path, *, out: Path = Path("public"), json: Json = False) -> None:
    """Write the public pages of a site: how it works, each project, and the register that its log points to.

    Static files in Dutch and English, to be served as https://<domain>/. They hold what the organisations signed and what
    the log says; no signal, and counts of people only rounded, from April of the next year on.

    Args:
        site: the matching site.
        out: the folder to write to. What lies there under another name stays.
    """
    from lsi_match.base.clock import utc_now
    from lsi_match.matcher.operate.publish import public_facts, write_pages
    from lsi_match.matcher.site.site import Site
    from lsi_match.reports.plain_words import advice

    now = utc_now()
    facts = [public_facts(project, now) for project in Site(site).projects()]
    written = write_pages(facts, out, now)
    words = [
        f"{one.manifest.project.id}.{name}.{told}"
        for one in facts
        for name, sheet in one.sheets.items()
        for told in advice({"rights": sheet.rights, **{k: v for k, v in sheet.shared if v}}, language())
    ]
    for told in words:
        console.print(say(f"Advies over de taal: {told}", f"Advice on the language: {told}"), markup=False)
    done(say(f"Geschreven: {len(written)} bestanden. Begin bij {out / 'index.html'}",
             f"Written: {len(written)} files. Begin at {out / 'index.html'}"),
         {"out": str(out), "files": len(written), "words": words}, json)  # fmt: skip


@app.command
def annex(
    site: Path, project: str, controller: str, *,
    form: Literal["algorithm-register", "processing-register", "vws", "dpia"], out: Path, json: Json = False,
) -> None:  # fmt: skip
    """Write what one organisation hands to a register, or adds to its DPIA, made from what was signed and from the log.

    Refused when something that the form needs was signed by nobody, with its name.

    Args:
        site: the matching site.
        project: the project.
        controller: the organisation that it is of.
        form: algorithm-register (publication standard 1.0), processing-register (the interface of the register of processing
            activities, in terms of the W3C DPV), vws (a zip for the register of VWS), or dpia (an annex to the form of the
            government, never the assessment itself).
        out: the file to write.
    """
    from lsi_match.base.clock import utc_now
    from lsi_match.base.errors import wrong_use
    from lsi_match.base.files import write_whole
    from lsi_match.matcher.operate.publish import public_facts
    from lsi_match.matcher.site.site import Site
    from lsi_match.reports.annexes.fill import annex as made

    now = utc_now()
    facts = public_facts(Site(site).project(project), now)
    if controller not in facts.manifest.controllers:
        known = ", ".join(facts.manifest.controllers)
        raise wrong_use(f"de organisaties in het manifest zijn {known}", f"the organisations in the manifest are {known}")  # fmt: skip
    write_whole(out, made(form, facts, controller, now), replace=True)
    done(say(f"Geschreven: {out}. Kijk het na voordat u het indient.",
             f"Written: {out}. Read it before you hand it in."), {"file": str(out), "form": form}, json)  # fmt: skip
