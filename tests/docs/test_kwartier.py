"""The quarter of an hour of docs/nl/kwartier.md, word for word: two partners deliver on a schedule. Part of `make soak`."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
def test_an_operator_has_two_partners_delivering_within_a_quarter(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "nl" / "kwartier.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "script").write_text("set -e\n" + "\n".join(blocks))
    began = time.monotonic()
    done = subprocess.run(
        ["timeout", "900", "bash", str(tmp_path / "script")], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "HOME": str(tmp_path)}, check=False,
    )  # fmt: skip
    print(done.stdout, done.stderr, f"{time.monotonic() - began:.0f} s")
    assert done.returncode in (0, 143), done.stderr[-2000:]
    assert "vrijgegeven en vernietigd" in done.stdout
    assert "ontvangen: levering" in done.stdout
    assert re.search(r"\d{4} casussen", done.stdout)
    assert not (tmp_path / "lsi-kwartier").exists()
