"""The pages that messages point to, wherever the program is installed."""

from __future__ import annotations

from cyclopts import App

from lsi_match.base.errors import wrong_use
from lsi_match.base.files import read_text, shipped
from lsi_match.cli.console import as_json, out, print_json

app = App(name="docs")


@app.default
def docs(page: str | None = None) -> None:
    """Read a page of the documentation; without a name, which pages there are and in which folder.

    The folder also holds the schemas of every document, the example projects and audit/check_log.py.

    Args:
        page: name of a page, for example criteria or nl/fg.
    """

    folder = shipped("docs")
    pages = {
        file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(folder.rglob("*.md"))
    }
    if page is None:
        if as_json():
            print_json({"folder": str(folder.parent), "pages": list(pages)})
        else:
            out.print("\n".join([*pages, "", str(folder.parent)]), markup=False, soft_wrap=True)
        return
    file = pages.get(page.removeprefix("docs/").removesuffix(".md"))
    if file is None:
        raise wrong_use("cli.no_page", page=page)
    if as_json():
        print_json({"page": page, "text": read_text(file)})
    else:
        out.print(read_text(file), markup=False, soft_wrap=True)
