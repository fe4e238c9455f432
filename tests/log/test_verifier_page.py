"""The verifier in one HTML file, in Chromium, from a file and without a network: it says what `check_log.py` says."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Page

from lsi_match.log import note
from lsi_match.log.export import export_tiles
from lsi_match.log.log_proof import prove
from lsi_match.log.store import Log
from tests.browser import chromium
from tests.log.test_export import (
    DOMAIN,
    KEY,
    ONE,
    ORIGIN,
    POLICY,
    SIZES,
    TWO,
    VERIFIER,
    WITNESSES,
    entry,
    write,
)

AUDIT = VERIFIER.parent
PAGE = AUDIT / "check_log.html"
ROOT = AUDIT.parent
#: Everything that a damage can be done to, and the call of the page's own function with it.
CHECK = """async ({files, damages, origin}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const sound = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, bytes(text)]));
  const said = [];
  for (const changed of damages) {
    const now = {...sound, ...Object.fromEntries(Object.entries(changed).map(([name, text]) => [name, text === null ? null : bytes(text)]))};
    const read = async (name) => { need(now["tiles/" + name], "missing"); return now["tiles/" + name]; };
    try {
      await check({read, policy: textOf(now.policy), origin, older: [textOf(now.older)], proofs: [textOf(now.proof)]});
      said.push("");
    } catch (problem) { said.push(problem instanceof Wrong ? problem.message : `${problem}`); }
  }
  return said;
}"""


@pytest.fixture(scope="module")
def python() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_log", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def new_page() -> Iterator[Callable[[], Page]]:
    with chromium() as pages:
        yield pages


@pytest.fixture(scope="module")
def page(new_page: Callable[[], Page]) -> Page:
    opened = new_page()
    opened.goto(PAGE.as_uri())
    return opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log (40 entries), its export, the policy, an older checkpoint and a proof."""
    folder = tmp_path_factory.mktemp("made")
    with Log.create(folder / "log.sqlite", ORIGIN) as log:
        for size in (13, 40):
            log.append_and_sign([(entry(i), None) for i in range(log.size, size)], KEY, DOMAIN)
        for name, key in (("uwv", ONE), ("svb", TWO)):
            line = note.cosign(str(log.checkpoint()), key, name, 1_760_000_000)
            log.add_cosignature(log.size, line, WITNESSES[name])
        export_tiles(log, folder / "tiles")
        (folder / "older").write_text(str(log.checkpoint(13)))
        (folder / "proof").write_text(prove(log, 7, 40, seen=30).text())
    (folder / "policy").write_text(POLICY.text())
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """What the verifiers read: the entries under the newest checkpoint, not the partial tiles of earlier ones."""
    names = ["policy", "older", "proof", "tiles/checkpoint"]
    size = int((folder / "tiles/checkpoint").read_text().split("\n")[1])
    names += [
        p.relative_to(folder).as_posix()
        for p in (folder / "tiles/tile/entries").rglob("*")
        if p.is_file() and (p.parent.suffix != ".p" or int(p.name) == size % 256)
    ]
    return {name: (folder / name).read_bytes() for name in names}


def said_by_page(
    page: Page, files: dict[str, bytes], damages: list[dict[str, bytes | None]], origin: str = ORIGIN
) -> list[str]:
    def text(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    given = {
        "files": {name: text(data) for name, data in files.items()},
        "damages": [{name: text(data) for name, data in one.items()} for one in damages],
        "origin": origin,
    }
    said: list[str] = page.evaluate(CHECK, given)
    return said


def said_by_python(
    python: ModuleType, folder: Path, files: dict[str, bytes], damage: dict[str, bytes | None]
) -> str:
    for name, data in (files | damage).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        if data is not None:
            (folder / name).write_bytes(data)
    try:
        policy, older, proof = ((folder / name).read_text() for name in ("policy", "older", "proof"))
        python.check(folder / "tiles", policy, ORIGIN, [older], [proof])
    except (python.WrongError, ValueError, IndexError, OSError) as problem:
        return str(problem) or "wrong"
    return ""


def damage(draw: random.Random, files: dict[str, bytes]) -> dict[str, bytes | None]:
    """One change of one file: a bit, a byte more or less, lines or entries in another order, or the file is gone."""
    name = draw.choice(sorted(files))
    data = files[name]
    at, to = sorted(draw.sample(range(len(data)), 2))
    match draw.randrange(6):
        case 0:
            return {name: data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]}
        case 1:
            return {name: data[:at] + data[to:]}
        case 2:
            return {name: data[:to] + data[at:]}
        case 3:
            return {name: data[:at] + bytes([draw.randrange(256)]) + data[at:]}
        case 4:
            lines = data.split(b"\n")
            one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            return {name: b"\n".join(lines)}
        case _:
            return {name: None if name.startswith("tiles") else b""}


def says_the_same(before: bytes, after: bytes | None) -> bool:
    """Whether all that was said is said still: lines stand in another order, a comment or a line by an unknown key is
    new. A policy and the signatures of a note may be so; the signed text of a note may not."""
    signed, _, lines = before.rpartition(b"\n\n")
    return (
        after is not None and after.startswith(signed) and set(lines.split(b"\n")) <= set(after.split(b"\n"))
    )


def test_the_page_finds_each_of_a_thousand_damages_and_accepts_the_undamaged_log(
    page: Page, made: Path, python: ModuleType, tmp_path: Path
) -> None:
    files = files_of(made)
    draw = random.Random(1)
    damages = [{}, *(damage(draw, files) for _ in range(1000))]
    changed = [one for one in damages if any(files[name] != data for name, data in one.items())]
    assert len(changed) > 900
    said = said_by_page(page, files, [{}, *changed])
    assert said[0] == ""
    accepted = [one for one, text in zip(changed, said[1:], strict=True) if not text]
    assert all(says_the_same(files[name], data) for one in accepted for name, data in one.items())
    assert [said_by_python(python, tmp_path, files, one) for one in accepted] == [""] * len(accepted)
    both = [said_by_python(python, tmp_path, files, one) for one in changed[:300]]
    assert [bool(text) for text in both] == [bool(text) for text in said[1:301]]


def test_what_is_wrong_is_said_in_dutch(page: Page, made: Path) -> None:
    files = files_of(made)
    assert "ander logboek" in said_by_page(page, files, [{}], f"{DOMAIN}/another")[0]
    entries = next(name for name in files if "entries" in name)
    other = files[entries].replace(b'"gates"', b'"match"', 1)
    assert said_by_page(page, files, [{entries: other}]) == [
        "de regels zijn niet de regels die zijn ondertekend"
    ]


def test_keys_that_fit_signatures_of_nobody_are_refused(page: Page, made: Path) -> None:
    """Keys of small order, and those that are no form of a key."""
    files = files_of(made)
    weak = [
        0,
        1,
        2**255 - 20,
        2**255 - 19,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
    ]
    policies: list[dict[str, bytes | None]] = []
    for y in weak:
        raw = bytes([1]) + y.to_bytes(32, "little")
        own = hashlib.sha256(DOMAIN.encode() + b"\n" + raw).hexdigest()[:8]
        key = f"{DOMAIN}+{own}+{base64.b64encode(raw).decode()}"
        policies.append({"policy": files["policy"] + f"log {key}\n".encode()})
    assert all("die niemand zette" in text for text in said_by_page(page, files, policies))


def test_somebody_chooses_the_files_and_reads_what_holds(
    new_page: Callable[[], Page], made: Path, tmp_path: Path
) -> None:
    """By the form, from a file, with no network; the log is one of whole bundles and a part."""
    with Log.open(write(tmp_path / "log.sqlite"), read_only=True) as log:
        export_tiles(log, tmp_path / "tiles")
        (tmp_path / "older").write_text(str(log.checkpoint(SIZES[1])))
        (tmp_path / "proof").write_text(prove(log, 299, 300).text())
    page = new_page()
    told: list[str] = []
    page.on("request", lambda request: told.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.goto(PAGE.as_uri())
    page.set_input_files("#export", tmp_path / "tiles")
    page.set_input_files("#policy", made / "policy")
    page.set_input_files("#older", tmp_path / "older")
    page.set_input_files("#proofs", tmp_path / "proof")
    page.fill("#origin", ORIGIN)
    page.get_by_role("button", name="Controleer").press("Enter")
    page.get_by_role("heading", name="Het logboek klopt", exact=True).wait_for()
    read = page.inner_text("#outcome")
    assert f"Het heeft {SIZES[-1]} regels" in read
    assert "Meegetekend door: svb, uwv." in read
    assert f"De eerdere stand van {SIZES[1]} regels past erin" in read
    assert "Het bewijs van regel 299 klopt." in read
    page.fill("#origin", "ander.example/project")
    page.get_by_role("button", name="Controleer").press("Enter")
    page.get_by_role("heading", name="klopt niet").wait_for()
    assert "dit is een ander logboek" in page.inner_text("#outcome")
    assert told == [PAGE.as_uri()], "nothing was fetched, and nothing complained"


@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_fits_and_its_fields_are_named(new_page: Callable[[], Page], width: int) -> None:
    page = new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(PAGE.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names: list[Any] = page.evaluate(
        "[...document.querySelectorAll('input')].map((one) => one.labels.length)"
    )
    assert names == [1, 1, 1, 1, 1]


def test_the_page_asks_for_nothing_from_elsewhere_and_its_digest_stands_in_the_guide() -> None:
    text = PAGE.read_text("utf-8")
    assert not re.search(r"(src|href)=|https?://|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert "default-src 'none'" in text
    assert len([line for line in text.split("\n") if line.strip()]) <= 300
    assert hashlib.sha256(PAGE.read_bytes()).hexdigest() in (ROOT / "docs/nl/fg.md").read_text("utf-8")
