"""The report of an analysis, in plain Dutch or English: one page that says what stands out, then every stage."""

from __future__ import annotations

from lsi_match.base.errors import Language
from lsi_match.monitor.findings import Findings
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.document import Document
from lsi_match.reports.document_model import as_document
from lsi_match.reports.monitor_first_page import FirstPage
from lsi_match.reports.monitor_stages import Stages
from lsi_match.reports.monitor_words import Words


def report(table: CountsTable, findings: Findings, lang: Language) -> Document:
    """The report."""
    words = Words(table, lang)
    first, rest = FirstPage(words, findings).blocks(), Stages(words, findings).blocks()
    return as_document(lang, list(first), list(rest))


def html(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The report as one HTML page."""
    return report(table, findings, lang).html


def markdown(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The report as Markdown."""
    return report(table, findings, lang).markdown


def summary(table: CountsTable, findings: Findings, lang: Language) -> str:
    """The first page only, as Markdown."""
    return as_document(lang, list(FirstPage(Words(table, lang), findings).blocks())).markdown
