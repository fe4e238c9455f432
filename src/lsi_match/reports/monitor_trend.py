"""The page about all rounds together: per group and step what was counted so far, and since when something is shown."""

from __future__ import annotations

from collections.abc import Sequence

from lsi_match.base.errors import Language
from lsi_match.monitor.evidence import Line, Trend
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.document import Document
from lsi_match.reports.monitor_words import Words


def page(tables: Sequence[CountsTable], trend: Trend, lang: Language) -> Document:
    """The whole page; what it comes to is its first sheet."""
    words = Words(tables[-1], lang)
    small = all(_small(line, words.table.tolerance) for line in trend.lines)
    shown = [line for line in trend.lines if line.shown is not None]
    return words.writer.document("trend.md", r=words, trend=trend, shown=trend.alerts or shown, small=small)


def _small(line: Line, tolerance: float) -> bool:
    last = line.so_far[-1]
    return (last.low or 0) >= 1 / tolerance and last.high is not None and last.high <= tolerance
