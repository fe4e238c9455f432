"""Judging a log before it is co-signed, as every partner does that delivers by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsi_match.agreement.trust_root_rules import Trust
    from lsi_match.log.judge import Judgement
    from lsi_match.manifest import Manifest


def judging(places: Iterable[Path]) -> Callable[[Path, Manifest, Trust], Judgement]:
    """Judges a log again by the signed papers in these files and folders."""
    from lsi_match.log.judge import judge_log
    from lsi_match.log.papers import papers_in
    from lsi_match.monitor.round_findings import checked_findings

    return lambda log, manifest, trust: judge_log(log, manifest, trust, papers_in(places), checked_findings)
