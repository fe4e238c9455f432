"""The whole chain on made-up records, in one go."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

app = App(name="demo")


@app.default
def demo(*, people: int = 60_000, seed: int = 1, folder: Path | None = None, json: Path | None = None) -> int:
    """Take a made-up town and the FEBRL files through the whole chain, and check what comes out.

    Args:
        people: how many people live in the town.
        seed: which town; the same seed gives the same town.
        folder: where everything is kept, to look at afterwards. Must not exist yet. Default: demo-out.
        json: also write the results to this file.
    """
    from lsi_match.cli.console import out, say

    out.print(say("demo.loading"))
    from lsi_match.demo.story import tell

    return tell(people=people, seed=seed, folder=folder, results=json)
