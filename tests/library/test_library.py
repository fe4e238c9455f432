"""`import lsi_match`: the names that are public, their page, and every example on it."""

from __future__ import annotations

import doctest
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lsi_match

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "library.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
#: What the rooms give, of which the page says the members that count.
GIVEN = {"ExtraMissingError", "GateVerdict", "LsiError", "Recorded", "Verification"}


def signatures() -> Iterator[str]:
    """`Manifest.explain(language: …) -> str` of everything public of ours."""
    for name in dir(lsi_match):
        one = getattr(lsi_match, name)
        if name in GIVEN:
            continue
        if not inspect.isclass(one):
            yield name + shown(one)
            continue
        for member, value in vars(one).items():
            if member.startswith("_") or not inspect.isfunction(
                function := getattr(value, "__func__", value)
            ):
                continue
            yield f"{name}.{member}" + shown(function)


def shown(function: Any) -> str:
    signature = inspect.signature(function)
    rest = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    text = str(signature.replace(parameters=rest)).replace("pl.", "")
    return re.sub(r"(= )?'([^']*)'", lambda found: found[0] if found[1] else found[2], text)  # names of types


def test_the_public_names_are_these_and_no_others() -> None:
    assert dir(lsi_match) == [
        "Analysis",
        "ExtraMissingError",
        "GateVerdict",
        "Log",
        "LsiError",
        "Manifest",
        "Partner",
        "Recorded",
        "Site",
        "Verification",
        "analyse",
        "check",
    ]
    with pytest.raises(AttributeError):
        _ = lsi_match.nothing_of_the_kind  # type: ignore[attr-defined]


def test_every_public_name_and_signature_is_on_the_page() -> None:
    page = PAGE.replace("\\|", "|")
    for name in dir(lsi_match):
        assert f"`{name}" in page, name
    for text in signatures():
        assert f"`{text}`" in page, text


def test_the_example_of_the_module_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert doctest.testmod(lsi_match).failed == 0


def test_every_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from chain.conftest import STEPS, build, run_steps

    from lsi_match.demo import town

    extracts = tmp_path / "demo-out" / "extracts"
    town.generate(extracts, people=12_000, seed=3)
    world = build(tmp_path / "demo-out" / "samenloop", "samenloop", extracts, "ronde-1")
    run_steps(world, "ronde-1", STEPS)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)

    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "library.md", "exec"), names)
    assert "FileMissingError |" in (said := capsys.readouterr().out)
    assert "True 35 []" in said
    assert len(names["selected"]["bijstand"])
    assert names["found"].alert
    assert names["site"].projects == ("samenloop",)


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("Partner", "polars", "partner"), ("Site", "duckdb", "matcher")]
)
def test_a_name_whose_extra_is_not_installed_names_it(name: str, package: str, extra: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import lsi_match; lsi_match.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        f"ExtraMissingError: This part is not installed. Add it: pip install 'lsi-match[{extra}]'"
        in done.stderr
    )


def test_the_plain_names_need_no_engine() -> None:
    code = """
import sys
for engine in ("duckdb", "polars", "pyarrow", "prefect", "fsspec", "polars_hash", "stdnum", "prometheus_client"):
    sys.modules[engine] = None
import lsi_match
for name in sorted(set(dir(lsi_match)) - {"Partner", "Site"}):
    getattr(lsi_match, name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
