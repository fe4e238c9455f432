"""What a party installs: the wheel, and the packages of its role."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Role → packages at most, this one left out.
PACKAGES = {"plain": 29, "partner": 36, "desk": 44, "matcher": 140}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheel")


@pytest.fixture(scope="module")
def names(folder: Path) -> set[str]:
    """Every file of the wheel, which lies unpacked in `folder / "unpacked"`."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as made:
        made.extractall(folder / "unpacked")
        return set(made.namelist())


def locked(name: str) -> dict[str, str]:
    """Package → version, of a lock file on this system."""
    lines = re.findall(
        r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)(?: ; (.*))? ", (ROOT / name).read_text(), re.MULTILINE
    )
    return {package: version for package, version, marker in lines if "win32" not in marker}


def test_the_wheel_owns_one_module_and_holds_what_messages_point_to(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"lsi_match"}
    assert {
        "lsi_match/py.typed",
        "lsi_match/flows/match.py",
        "lsi_match/flows/errors.toml",
        "lsi_match/shipped/audit/check_log.py",
        "lsi_match/shipped/configs/samenloop/manifest.yaml",
    } <= names
    for folder in ("docs", "schemas"):
        for file in (ROOT / folder).rglob("*.*"):
            inside = f"lsi_match/shipped/{file.relative_to(ROOT).as_posix()}"
            assert inside in names or "_build" in file.parts or "__pycache__" in file.parts, inside


#: A file that a text of the program sends its reader to, as it is written from the top of a checkout.
POINTED_TO = re.compile(
    r"(?<![\w/])(?:docs|schemas|configs|audit)/[\w./-]+\.(?:md|json|ya?ml|toml|py|html)\b"
)


def test_the_wheel_holds_every_file_that_a_text_of_it_names(names: set[str], folder: Path) -> None:
    """Errors, help, templates, catalogues and what is said in code; also the parts of a page, and schemas that are named alone."""
    found: dict[str, set[str]] = {}
    for name in names:
        if not name.startswith("lsi_match/shipped") and name.endswith(
            (".py", ".toml", ".html", ".md", ".yaml")
        ):
            text = (folder / "unpacked" / name).read_text("utf-8")
            pointed = {
                *POINTED_TO.findall(text),
                *(f"schemas/{one}" for one in re.findall(r"\b[a-z-]+\.schema\.json\b", text)),
            }
            for one in pointed:
                found.setdefault(one, set()).add(name)
    assert {"docs/protocol.md", "audit/check_log.py", "schemas/publication-sheet.schema.json"} <= found.keys()
    found.pop("schemas/assessment-output.v2.schema.json", None)  # of somebody else's repository
    assert {one: by for one, by in found.items() if f"lsi_match/shipped/{one}" not in names} == {}
    shipped = folder / "unpacked" / "lsi_match" / "shipped"
    code = "".join(
        (folder / "unpacked" / one).read_text("utf-8") for one in names if one.endswith((".py", ".toml"))
    )
    for page, part in set(re.findall(r"\b(docs/[\w./-]+\.md)#([\w-]+)", code)):
        heads = re.findall(r"^#+ (.+)$", (shipped / page).read_text("utf-8"), re.MULTILINE)
        assert part in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in heads}, (page, part)


@pytest.mark.parametrize("role", PACKAGES)
def test_a_role_installs_no_more_than_it_runs(role: str) -> None:
    found = locked(f"requirements/{role}.lock")
    assert len(found) <= PACKAGES[role], sorted(found)
    every = locked("requirements.lock")
    assert {package: every.get(package) for package in found} == found
    assert "prefect" not in found or role == "matcher"


def test_no_lock_has_what_doubles_the_time_of_every_start_of_prefect() -> None:
    """jsonschema, which Prefect loads, makes 38 grammars when it is loaded where this package is installed."""
    for file in (*ROOT.glob("*.lock"), *ROOT.glob("requirements/*.lock")):
        assert "rfc3987-syntax" not in locked(str(file.relative_to(ROOT))), file.name


def test_no_lock_names_a_host() -> None:
    for file in (*ROOT.glob("*.lock"), *ROOT.glob("requirements/*.lock")):
        assert "://" not in file.read_text(), file.name


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_the_sbom_names_what_a_matching_site_installs_and_nothing_else() -> None:
    """Of every package its version and the digests of its files, as the lock of the container has them."""
    given = ["READY=", f"BIN={Path(sys.executable).parent}"]
    subprocess.run(["make", "-s", "sbom", *given], cwd=ROOT, check=True, capture_output=True)
    sbom = json.loads((ROOT / "build" / "sbom.cdx.json").read_text())
    assert (sbom["bomFormat"], sbom["metadata"]["component"]["name"]) == ("CycloneDX", "lsi-match")
    lock = (ROOT / "requirements" / "matcher.lock").read_text()
    named = {one["name"]: one["version"] for one in sbom["components"]}
    assert named == dict(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)", lock, re.MULTILINE))
    digests = {
        one["content"] for part in sbom["components"] for file in part["externalReferences"] for one in file["hashes"]
    }  # fmt: skip
    assert digests == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    assert not named.keys() & {"pytest", "ruff", "moto", "cyclonedx-bom", "hatchling"}


def test_the_container_installs_the_lock_of_the_matching_site() -> None:
    said = (ROOT / "deploy" / "Containerfile").read_text()
    assert re.findall(r"-r (\S+)", said) == ["requirements/build.lock", "requirements/matcher.lock"]
    assert said.count("pip install") == said.count("--no-deps") - 1  # nothing comes along that no lock names
