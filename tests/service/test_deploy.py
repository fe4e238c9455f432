"""What is handed to operators: units that systemd takes, a container file that names what is there, a page per alarm."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from operation import ROOT

from lsi_match.matcher.operate.alarms import NAMES

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd (apt-get install systemd)")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    program = tmp_path / "lsi-match"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        (tmp_path / unit.name).write_text(
            unit.read_text()
            .replace("/opt/lsi-match/.venv/bin/lsi-match", str(program))
            .replace("=lsi\n", "=root\n")
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True, text=True,
    )  # fmt: skip
    about_ours = [line for line in done.stderr.splitlines() if "lsi-match" in line]
    assert about_ours == []


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_every_service_is_fenced_in(unit: Path) -> None:
    said = unit.read_text()
    for line in (
        "User=lsi",
        "UMask=0077",
        "LimitCORE=0",
        "MemorySwapMax=0",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
    ):
        assert f"\n{line}\n" in said, line


def test_the_container_file_copies_what_is_there_and_needs() -> None:
    said = (ROOT / "deploy" / "Containerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", said, re.MULTILINE) for name in line.split()]
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
    assert {"requirements", "src", "flows", "configs", "docs", "schemas", "audit"} <= set(copied)
    assert "\nUSER lsi\n" in said


def test_every_alarm_has_a_page_and_every_page_an_alarm() -> None:
    pages = sorted(page.stem for page in (ROOT / "docs" / "nl" / "alarmen").glob("*.md"))
    assert pages == sorted(NAMES)
    for name in NAMES:
        assert (ROOT / "docs" / "nl" / "alarmen" / f"{name}.md").read_text().startswith(f"# Alarm `{name}`")
