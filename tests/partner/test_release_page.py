"""The page of a release shows what its table holds, in words, and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import polars as pl
import pytest
from handmade import NOW, document

from lsi_match.base.errors import Language
from lsi_match.manifest import Manifest
from lsi_match.partner.release.case_page import page
from lsi_match.protocol.columns import release_columns
from lsi_match.protocol.documents import ReleaseDescriptor
from lsi_match.reports.document import Document

CASES = ("a" * 32, "b" * 32)


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.model_validate(document())


def frame_of(manifest: Manifest, *rows: dict[str, object]) -> pl.DataFrame:
    names = [column.name for column in release_columns(manifest, "gemeente") if column.name != "reference"]
    none = dict.fromkeys(names, False) | {"selection": "lijst"}
    return pl.DataFrame([none | row for row in rows]) if rows else pl.DataFrame(schema=dict.fromkeys(names, pl.String))  # fmt: skip


def shown(manifest: Manifest, frame: pl.DataFrame, lang: Language = "nl") -> str:
    return made(manifest, frame, lang).html


def made(manifest: Manifest, frame: pl.DataFrame, lang: Language) -> Document:
    descriptor = ReleaseDescriptor.model_construct(
        project=manifest.project.id,
        round="r1",
        partner="gemeente",
        cases=frame.get_column("case_id").n_unique() if len(frame) else 0,
        expires_at=NOW + timedelta(days=30),
    )
    return page(manifest, descriptor, frame, lang)


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html.split("<main>")[1]))


def test_a_case_is_told_by_own_record_and_the_labels_of_the_others(manifest: Manifest) -> None:
    rows = (
        {"case_id": CASES[0], "record_id": "Z-1", "uwv": True, "uwv_hoog": True},
        {"case_id": CASES[0], "record_id": "Z-2", "uwv": True, "uwv_hoog": True},
        {"case_id": CASES[1], "record_id": "Z-3", "svb": True},
    )
    text = words(shown(manifest, frame_of(manifest, *rows)))
    assert all(one in text for one in (*CASES, "Z-1", "Z-2", "Z-3", "2 casussen, 3 eigen records"))
    uwv, svb = (manifest.controllers[name].title for name in ("uwv", "svb"))
    first, second = text.split(CASES[1])
    assert f"{uwv} (Hoog bedrag)" in first
    assert "Kort geleden" not in text
    assert svb not in first
    assert uwv not in second
    assert svb in second


def test_what_a_record_id_holds_is_shown_as_text(manifest: Manifest) -> None:
    row = {"case_id": CASES[0], "record_id": "<script>alert(1)</script>", "uwv": True}
    html = shown(manifest, frame_of(manifest, row))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_the_page_is_of_itself_alone(manifest: Manifest) -> None:
    row = {"case_id": CASES[0], "record_id": "Z-1", "uwv": True}
    html = shown(manifest, frame_of(manifest, row), "en")
    assert '<html lang="en">' in html
    assert "default-src 'none'" in html
    assert not re.search(r"""(src|href)\s*=|url\(|@import|<script""", html)


def test_a_release_without_cases_says_so(manifest: Manifest) -> None:
    assert "Er zijn geen casussen." in words(shown(manifest, frame_of(manifest)))
