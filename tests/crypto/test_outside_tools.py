"""Programs of others give what the vectors say and open what we seal: age, OpenSSL, jq and xxd.

The commands are those of docs/protocol.md, as they stand there.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyrage
import pytest

from lsi_match.crypto.sealing import SealBrokenError, seal, unseal

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
FILE = ROOT / "tests" / "vectors" / "protocol-v1.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text())

_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: [(commands, what they print)] of the section; the first, which prints nothing, belongs to all.
_SECTION = _BLOCK.findall(PAGE.split("\n## 10. With other tools\n")[1])
SETUP = _SECTION[0][1]
COMMANDS = list(zip(_SECTION[1::2], _SECTION[2::2], strict=True))


def needs(*tools: str) -> None:
    """Skip, naming what is not here."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian packages age, jq, openssl, xxd)")
    if "openssl" in tools:
        version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
        if not version.startswith("OpenSSL 3"):
            pytest.skip(f"needs OpenSSL 3, here is {version}")


def shell(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder from which the vectors are found as from the top of this project."""
    (tmp_path / "tests" / "vectors").mkdir(parents=True)
    shutil.copy(FILE, tmp_path / "tests" / "vectors")
    return tmp_path


def test_the_section_has_commands_and_what_they_print() -> None:
    assert [language for language, _ in _SECTION] == ["sh"] + ["sh", "text"] * len(COMMANDS)
    assert len(COMMANDS) == 4


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_the_commands_of_the_page_print_what_stands_below_them(number: int, folder: Path) -> None:
    (_, commands), (_, printed) = COMMANDS[number]
    tools = ("age", "openssl", "jq", "xxd")
    needs(*(tool for tool in tools if re.search(rf"\b{tool} ", commands)))
    assert shell(SETUP + commands, folder) == printed


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_the_commands_of_the_page_see_a_changed_vector(number: int, folder: Path) -> None:
    (_, commands), (_, printed) = COMMANDS[number]
    needs("age", "openssl", "jq", "xxd")
    changed = json.loads(json.dumps(VECTORS))
    changed["pseudonyms"][3]["pseudonym"] = "0" * 32
    changed["rekeying"][2]["block"] = "0" * 32
    changed["signed"]["file"] = changed["signed"]["file"].replace('"sig":"', '"sig":"A')
    changed["sealed"]["sealed"] = changed["sealed"]["sealed"][:-8] + "AAAAAAA="
    (folder / "tests" / "vectors" / FILE.name).write_text(json.dumps(changed))
    with pytest.raises(AssertionError):
        assert shell(SETUP + commands, folder) == printed


def test_the_page_tells_how_to_check_an_approval(folder: Path) -> None:
    """The commands of section 1, on the approval of the vectors."""
    needs("openssl", "jq", "xxd")
    (commands,) = (
        body for language, body in _BLOCK.findall(PAGE) if body.startswith("F=approvals/noord.json")
    )
    signed = VECTORS["signed"]
    (folder / "approvals").mkdir()
    (folder / "approvals" / "noord.json").write_text(signed["file"])
    manifest = {"controllers": {"noord": {"signing_key": signed["signing_key"]}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert shell(commands, folder) == "Signature Verified Successfully\n"


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_age_opens_what_we_seal_and_we_open_what_age_seals(size: int, tmp_path: Path) -> None:
    needs("age", "age-keygen")
    plain = bytes(range(256)) * (size // 256 + 1)
    plain = plain[:size]
    file = tmp_path / "identity.txt"
    subprocess.run(["age-keygen", "-o", str(file)], check=True, capture_output=True)
    secret = file.read_text().splitlines()[-1]
    recipient = subprocess.run(
        ["age-keygen", "-y", str(file)], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert str(pyrage.x25519.Identity.from_str(secret).to_public()) == recipient

    ours = seal(plain, recipient)
    opened = subprocess.run(
        ["age", "--decrypt", "-i", str(file)], input=ours, capture_output=True, check=True
    )
    assert opened.stdout == plain
    theirs = subprocess.run(["age", "-r", recipient], input=plain, capture_output=True, check=True).stdout
    assert unseal(theirs, secret, what="A part", party="noord") == plain

    other = str(pyrage.x25519.Identity.generate())
    with pytest.raises(SealBrokenError):
        unseal(theirs, other, what="A part", party="noord")
    (tmp_path / "other.txt").write_text(other + "\n")
    refused = subprocess.run(
        ["age", "--decrypt", "-i", str(tmp_path / "other.txt")], input=ours, capture_output=True, check=False
    )
    assert refused.returncode
    assert not refused.stdout
