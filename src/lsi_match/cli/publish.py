"""The pages that everybody may read."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from lsi_match.cli.console import Json, done, say

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
    from lsi_match.matcher.operate.publish import publish as write
    from lsi_match.matcher.site.site import Site

    written = write(Site(site).projects(), out, utc_now())
    done(say(f"Geschreven: {len(written)} bestanden. Begin bij {out / 'index.html'}",
             f"Written: {len(written)} files. Begin at {out / 'index.html'}"),
         {"out": str(out), "files": len(written)}, json)  # fmt: skip
