"""`make docs`: the pages of this folder as HTML in docs/_build, readable without network and without script.

Beside each page stands a list of pages, made from the index (README.md); on a telephone it stands below. Pages in nl/ are Dutch
for who has them read aloud too, and so is what stands around them (dutch.toml).
"""

import re
import tomllib
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

project = "lsi-match"
language = "en"
extensions = ["myst_parser"]
root_doc = "README"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Privacy-preserving matching for casustafels", "page_width": "70rem", "show_powered_by": False}  # fmt: skip
html_sidebars = {"**": ["about.html", "localtoc.html", "navigation.html", "relations.html"]}
html_show_copyright = html_show_sourcelink = False
html_css_files = ["lsi.css"]
html_static_path = ["_static"]
myst_heading_anchors = 4
# Decisions and alarms are many: they stand in the index, not in the list beside a page.
suppress_warnings = ["toc.not_included"]
#: What stands around a page → the same in Dutch.
_DUTCH = tomllib.loads(Path(__file__).with_name("dutch.toml").read_text("utf-8"))
#: In the list of pages: a heading, or a link to a page.
_CAPTION = re.compile(r'(?<=<span class="caption-text">)[^<]+')
_LINK = re.compile(r'<a (?=class="[^"]*reference internal" href="([^"]*)")')
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
    dutch, pages = name.startswith("nl/"), context["toctree"]

    def said(english: str) -> str:
        return _DUTCH.get(english, english) if dutch else english

    def link(found: re.Match[str]) -> str:
        leads_to = normpath(join(dirname(name), found[1])) if found[1] != "#" else name
        return f'{found[0]}lang="{"nl" if leads_to.startswith("nl/") else "en"}" '

    def listed(**options: Any) -> str:
        found = _LINK.sub(link, _CAPTION.sub(lambda caption: said(caption[0]), pages(**options)))
        return found.replace('role="heading"', 'role="heading" aria-level="3"')

    context |= {"language": "nl" if dutch else language, "_": said, "toctree": listed}
    if "body" in context:  # who has no mouse scrolls a wide command with the keyboard
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')
    context["theme_description"] = said(context["theme_description"])


def setup(app: Any) -> None:
    """What Sphinx calls once."""
    app.connect("source-read", _list_pages)
    app.connect("html-page-context", _in_its_language)
