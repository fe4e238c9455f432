"""Documents: what is filled in has no power over them, and whoever reads or prints one can use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import chromium
from handmade import manifest
from monitor.test_evidence import week
from partner.test_letter import agreed, written
from partner.test_release_page import frame_of, made
from playwright.sync_api import Page
from test_log_report import evidence_of
from test_manifest_page import example
from test_monitor_report import everything

from lsi_match.base.catalogue import catalogue
from lsi_match.base.errors import Language
from lsi_match.monitor.evidence import trend
from lsi_match.reports import monitor_trend
from lsi_match.reports.document import SHEET, Document, Writer
from lsi_match.reports.log_report import account
from lsi_match.reports.manifest_page import difference, explained, statement
from lsi_match.reports.monitor_report import report

SIGNS = "# <b>*x*</b> [a](http://b) ![c](d) &lt; `e` | f\n- g\n\n1. h ~~i~~ \\"


@pytest.mark.parametrize("begin", ["", "- ", "1. ", "> ", "    ", "```", "| "])
def test_what_is_filled_in_is_shown_as_it_stands(begin: str, tmp_path: Path) -> None:
    """In a heading, a line, an item, a cell and a text of the catalogue: one place where it stands, and no mark."""
    (tmp_path / "t.md").write_text(
        "# {{ x }}\n\na {{ x }}\n\n- {{ x }}\n\n| {{ x }} | b |\n| --- | --- |\n| {{ x }} | c |\n\n{{ t('said', x=x) }}\n"
    )
    (tmp_path / "t.toml").write_text('said = { nl = "**d** {x}", en = "" }')
    writer = Writer("t", "nl")
    writer._templates, writer._texts = tmp_path, catalogue(tmp_path / "t.toml")
    text = begin + SIGNS
    parts = writer.document("t.md", x=text).parts
    shown = " ".join(text.split())
    assert parts == [
        {"heading": shown, "level": 1},
        {"text": f"a {shown}"},
        {"items": [shown]},
        {"table": "", "columns": [shown, "b"], "rows": [[shown, "c"]]},
        {"text": f"d {shown}"},
    ]


def test_a_drawing_stands_in_html_only() -> None:
    made = Document("nl", "# T\n\n![](figure:0)\n\nna\n", (("F", "<svg></svg>"),))
    assert made.markdown == "# T\n\nna\n"
    assert 'aria-label="F" tabindex="0"><figure><svg></svg></figure>' in made.html
    assert made.html.index("<svg>") < made.html.index("na</p>")


def test_a_document_below_a_heading_of_the_page_has_none_of_its_own() -> None:
    made = Document("en", f"# T\n\nfirst\n\n{SHEET}\n\n**U**\n\n| a | b |\n| --- | ---: |\n| c | 1 |\n")
    assert made.first == "# T\n\nfirst\n"
    assert "<h1" not in made.fragment
    assert "T" not in made.fragment
    assert made.fragment.index("first") < made.fragment.index("U")


def documents() -> Iterator[Document]:
    languages: tuple[Language, ...] = ("nl", "en")
    for lang in languages:
        yield explained(example("wijk"), lang)
        yield statement(manifest(), "I signed.", lang, example("wijk"))
        yield difference(example("wijk"), manifest(), lang, names=("a", "b"))
        yield report(*everything(), lang)
        rounds = [week(n, {"A": 9, "B": 41}) for n in range(20)]
        yield monitor_trend.page(rounds, trend(rounds), lang)
        yield written(agreed(), lang, ("hoog", "klein"))
        yield made(
            manifest(), frame_of(manifest(), {"case_id": "a" * 32, "record_id": "Z-1", "uwv": True}), lang
        )
        yield account(evidence_of("outcomes")[1], lang)


@pytest.fixture(scope="module")
def new_page() -> Iterator[Callable[[], Page]]:
    with chromium() as pages:
        yield pages


def test_a_document_can_be_read_on_a_telephone_and_on_paper(
    new_page: Callable[[], Page], tmp_path: Path
) -> None:
    page = new_page()
    for number, one in enumerate(documents()):
        file = tmp_path / f"{number}.html"
        file.write_bytes(one.written(".html"))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.lang") == one.lang
        for width, media in ((320, "screen"), (680, "print")):
            page.set_viewport_size({"width": width, "height": 640})
            page.emulate_media(media=media)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if media == "screen" or one.lang == "nl":  # on paper both languages look the same
                found = Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
