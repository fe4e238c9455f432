"""From an empty virtual environment: what the wheel and the packages of a role can do. `make wheel-check` runs it.

Arguments: folder for the environments, folder of a demo that was run (`lsi-match demo --folder`), the wheel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Packages of the plain role at most.
MOST = 30
PARTNER = "gemeente"


def main(folder: Path, demo: Path, wheel: Path) -> None:
    """Raises AssertionError or CalledProcessError at what does not hold."""
    project = demo / "samenloop" / "site" / "projects" / "samenloop"
    manifest = str(project / "manifest.json")
    shutil.copytree(demo / "samenloop" / PARTNER, folder / "home")
    partner = (
        "partner",
        "prepare",
        PARTNER,
        str(folder / "home"),
        "samenloop",
        "--to",
        str(folder / "drops"),
    )
    files = {
        "--opening": project / "rounds" / "ronde-1" / "opening.json",
        "--mapping": ROOT / "configs" / "samenloop" / "mappings" / f"{PARTNER}.yaml",
        "--extracts": demo / "extracts",
    }
    prepare = [*partner, *(str(part) for option in files.items() for part in option)]

    plain = installed(folder, "plain", wheel)
    packages = run(
        plain / "python",
        "-m",
        "pip",
        "list",
        "--format=freeze",
        "--exclude",
        "pip",
        "--exclude",
        "setuptools",
    )
    assert len(packages.split()) <= MOST, packages
    assert "ModuleNotFoundError" in refused(plain / "python", "-c", "import flows")
    said = run(plain / "lsi-match", "log", "verify", str(project), "--manifest", manifest, "--json")
    assert json.loads(said)["verified"], said
    run(plain / "lsi-match", "manifest", "explain", manifest)
    run(plain / "lsi-match", "docs", "docs/criteria.md")
    run(plain / "lsi-match", "log", "export", str(project), "--out", str(folder / "tiles"))
    shipped = Path(json.loads(run(plain / "lsi-match", "docs", "--json"))["folder"])
    run(plain / "python", str(shipped / "audit" / "check_log.py"), "--help")
    assert "lsi-match[partner]" in refused(plain / "lsi-match", *prepare)
    watch = refused(plain / "lsi-match", "match", "watch", str(project.parents[1]))
    assert "lsi-match[matcher]" in watch, watch
    print(f"plain: {len(packages.split())} packages; verifies, explains, says what is missing")

    with_engine = installed(folder, "partner", wheel)
    run(with_engine / "lsi-match", *prepare)
    assert list((folder / "drops").glob("*.drop.json"))
    release = project / "releases" / PARTNER / f"samenloop.ronde-1.{PARTNER}.release.json"
    opened = (
        "partner",
        "open",
        PARTNER,
        str(folder / "home"),
        "samenloop",
        str(release),
        "--to",
        str(folder / "cases.csv"),
    )
    run(with_engine / "lsi-match", *opened)
    assert (folder / "cases.csv").stat().st_size
    print("partner: prepares and opens")


def installed(folder: Path, role: str, wheel: Path) -> Path:
    """A new environment of a role; the folder of its programs."""
    venv.create(folder / role, with_pip=True)
    programs = folder / role / "bin"
    pip = (programs / "python", "-m", "pip", "install", "--quiet", "--no-deps")
    run(*pip, "--require-hashes", "-r", str(ROOT / "requirements" / f"{role}.lock"))
    run(*pip, str(wheel))
    return programs


def run(*command: str | Path) -> str:
    """What a command says; raises CalledProcessError when it fails."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd="/").stdout


def refused(*command: str | Path) -> str:
    """What a command that fails says."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert done.returncode, command
    return done.stdout + done.stderr


if __name__ == "__main__":
    main(*(Path(argument).absolute() for argument in sys.argv[1:]))
