"""Pages on one's own machine."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from lsi_match.base.clock import utc_now
from lsi_match.cli.console import out, say

app = App(name="desk")


@app.default
def desk(home: Path, *, browser: bool = True, port: int = 0) -> None:
    """Pages in your browser, over your own folder: what asks for attention, the agreement, the log, delivering, releases. Ends with Ctrl-C.

    Only you can see them: they are served on this machine, to the one browser that opens the address first. What a page shows
    is worked out here, from what is signed.

    Args:
        home: your own folder.
        browser: open them in the browser; without it the address is only shown.
        port: the port to serve on; any that is free when left out.
    """
    import webbrowser

    from lsi_match.desk.serve import serve
    from lsi_match.library.judging import judging

    def tell(address: str, file: Path) -> None:
        out.print(say("desk.address", address=address))
        out.print(say("desk.end"))
        if browser:
            webbrowser.open(file.absolute().as_uri())

    serve(home, utc_now, tell, judging, port)
