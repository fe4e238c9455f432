"""Analyse a table of counts per group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lsi_match.base.errors import Language
from lsi_match.monitor.analyse import analyse as find
from lsi_match.monitor.counts_file import read_counts
from lsi_match.monitor.findings import Findings
from lsi_match.monitor.table import CountsTable
from lsi_match.reports.monitor_report import report


@dataclass(frozen=True)
class Analysis:
    """What stands out in a table of counts.

    Attributes:
        table: the counts.
        findings: every comparison of every group, with its interval and verdict.
    """

    table: CountsTable
    findings: Findings

    @property
    def alert(self) -> bool:
        """Whether a group stands out."""
        return self.findings.alert

    def summary(self, language: Language = "nl") -> str:
        """The first page, as text."""
        return report(self.table, self.findings, language).first

    def markdown(self, language: Language = "nl") -> str:
        """The whole report as Markdown."""
        return report(self.table, self.findings, language).markdown

    def html(self, language: Language = "nl") -> str:
        """The whole report as a page."""
        return report(self.table, self.findings, language).html


def analyse(counts: str | Path) -> Analysis:
    """Analyse a table of counts: a CSV (dimension columns, then one column per stage), or the whole table as YAML or JSON.

    Raises:
        LsiError: file, row and column of what cannot be read.
    """
    table = read_counts(Path(counts))
    return Analysis(table, find(table))
