"""`make docs`: the pages of this folder as HTML in docs/_build, readable without network and without script.

Beside each page stands a list of pages, made from the index (README.md); on a telephone it stands below. Pages in nl/ are Dutch
for who has them read aloud too.
"""

import re
from typing import Any

project = "lsi-match"
language = "en"
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Privacy-preserving matching for casustafels", "page_width": "70rem"}
html_sidebars = {"**": ["about.html", "localtoc.html", "navigation.html", "relations.html"]}
html_css_files = ["lsi.css"]
html_static_path = ["_static"]
myst_heading_anchors = 4
# Decisions and alarms are many: they stand in the index, not in the list beside a page.
suppress_warnings = ["toc.not_included"]
_LISTED = re.compile(r"^\| \[[^]]+\]\((?!adr/|nl/alarmen/)([\w./-]+)\.md\)", re.MULTILINE)


def _list_pages(_: Any, name: str, source: list[str]) -> None:
    if name == root_doc:
        for part in source[0].split("\n## ")[1:]:
            if pages := _LISTED.findall(part):
                title = part.split("\n", 1)[0]
                source[0] += (
                    f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {title}\n\n"
                    + "\n".join(pages)
                    + "\n```\n"
                )


def _in_its_language(_: Any, name: str, __: str, context: dict[str, Any], ___: Any) -> None:
    context["language"] = "nl" if name.startswith("nl/") else language


def setup(app: Any) -> None:
    """What Sphinx calls once."""
    app.connect("source-read", _list_pages)
    app.connect("html-page-context", _in_its_language)
