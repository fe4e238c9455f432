"""A log of version 1 of the protocol, with its papers, verifies and is judged again from them as it was then.

The program of then made it (of the three partners of `operation`, one round from opening to destruction); it is kept as it is.
"""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from pathlib import Path

import pytest

from lsi_match.agreement.trust_root_rules import Trust
from lsi_match.cli.main import run
from lsi_match.log.judge import Judgement, judge_log
from lsi_match.log.papers import papers_in
from lsi_match.manifest import Manifest
from lsi_match.monitor.round_findings import checked_findings
from lsi_match.protocol.trust_root import TrustRoot

FORMER = Path(__file__).parent / "former"
PAPERS = FORMER / "proef.papers.json"


def judged(papers: dict[str, bytes]) -> Judgement:
    manifest = Manifest.model_validate_json((FORMER / "manifest.json").read_bytes())
    assert manifest.format == "lsi-match/manifest/v1"
    signed = json.loads((FORMER / "trust-root.json").read_bytes().splitlines()[0])
    root = TrustRoot.model_validate_json(b64decode(signed["payload"]))
    return judge_log(FORMER / "log.sqlite", manifest, Trust((root,)), papers, checked_findings)


def test_a_log_of_version_1_is_judged_again_from_its_papers() -> None:
    found = judged(papers_in([PAPERS]))
    assert found.whole
    assert found.problems == ()
    assert set(found.judged) >= {"trust root", "register manifest", "open round", "gates", "count", "release"}


def test_a_paper_of_version_1_that_is_not_there_is_asked_for() -> None:
    papers = papers_in([PAPERS])
    lacking = [
        digest
        for digest in papers
        if judged({name: data for name, data in papers.items() if name != digest}).problems
    ]
    assert len(lacking) >= 5, "what was signed by three, the opening, and what was counted"


def test_the_command_verifies_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log.sqlite"
    shutil.copy(FORMER / "log.sqlite", log)
    assert run(["log", "verify", str(log), "--manifest", str(FORMER / "manifest.json"), "--lang", "en"]) == 0
    assert "14 entries, nothing altered, nothing gone" in capsys.readouterr().out
