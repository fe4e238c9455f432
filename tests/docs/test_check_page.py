"""What docs/nl/dataverantwoordelijke.md shows of `partner check` is what the command says of the extracts of the made-up town."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsi_match.cli import console
from lsi_match.cli.main import run
from lsi_match.demo.town import generate

PAGE = Path(__file__).parents[2] / "docs" / "nl" / "dataverantwoordelijke.md"
CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = (("uwv_uitkeringen.csv", "samenloop", "uwv"), ("svb_regelingen.csv", "wijk", "svb"))
PEOPLE, WIDTH = 1000, 110


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    generate(folder, people=PEOPLE)
    return folder


def told(extracts: Path, extract: str, project: str, partner: str, capsys: pytest.CaptureFixture[str]) -> str:
    config = CONFIGS / project
    status = run(
        ["partner", "check", str(extracts / extract), "--manifest", str(config / "manifest.yaml"), "--name", partner,
         "--mapping", str(config / "mappings" / f"{partner}.yaml"), "--reference-date", "2026-10-01"]
    )  # fmt: skip
    assert status == 0
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one[1])
def test_the_page_shows_what_the_command_says(
    extracts: Path,
    example: tuple[str, str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console.out, "width", WIDTH)
    shown = told(extracts, *example, capsys)
    assert f"```text\n{shown}\n```" in PAGE.read_text(), shown
