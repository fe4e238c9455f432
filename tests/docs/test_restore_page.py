"""The restore drill: an operator puts a site back by docs/nl/beheerder.md, word for word, after its disk was lost."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Operation, days

from lsi_match.cli import main

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "nl" / "beheerder.md"


def commands(heading: str) -> list[list[str]]:
    """The commands under a heading of the page."""
    text = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def test_an_operator_puts_a_site_back_by_the_page(
    operation: Operation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("lsi_match.base.clock.utc_now", "lsi_match.cli.site.utc_now"):
        monkeypatch.setattr(place, operation.clock)
    home = tmp_path / "lsi"
    home.mkdir()
    (home / "site").symlink_to(operation.world.site.folder)

    def give(words: list[str]) -> int:
        assert words[0] == "lsi-match"
        said = [word.replace("/srv/lsi", str(home)).replace("samenloop", PROJECT) for word in words[1:]]
        return main.run(said)

    assert [give(words) for words in commands("De back-up")] == [0]
    # After the backup: a round is released, a second opened and delivered for, a day passes.
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    operation.clock.to(MONDAY + days(7))
    operation.reconcile()
    operation.deliver("uwv", "2026-06-15")
    operation.clock.to(MONDAY + days(7.5))
    operation.reconcile()
    before = [entry.leaf() for entry in operation.project.entries()]
    # The disk is lost; the site comes back on another.
    shutil.rmtree(operation.world.site.folder)
    (home / "site").unlink()
    found = commands("Terugzetten")
    assert [words[1:3] for words in found] == [
        ["site", "restore"], ["match", "status"], ["log", "verify"], ["match", "watch"]
    ]  # fmt: skip
    assert [give(words) for words in found[:3]] == [0, 0, 0]
    assert "beëindigd, want hun sleutel is weg: 2026-06-15" in capsys.readouterr().out
    shutil.copytree(home / "site", operation.world.site.folder)
    after = operation.project.entries()
    assert [entry.leaf() for entry in after[: len(before)]] == before, "loss of log entries: none"
    assert not operation.reconcile().failed
    assert operation.cases("uwv", ROUND) == 4
    operation.clock.to(MONDAY + days(14))
    operation.reconcile()
    for partner in PARTNERS:
        operation.deliver(partner, "2026-06-22")
    assert not operation.reconcile().failed
    assert operation.state("2026-06-22") == "destroyed"
