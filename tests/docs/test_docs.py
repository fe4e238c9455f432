"""The documentation says what is there: links, commands, parts of the manifest, steps, functions, vectors, the tutorial."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lsi_match.base.catalogue import word as called
from lsi_match.cli.main import command_line, run
from lsi_match.criteria.parse import FUNCTIONS, FieldType
from lsi_match.crypto.project_key import ProjectKey, pseudonym
from lsi_match.log.steps import Step
from lsi_match.manifest import Manifest
from lsi_match.manifest.identifiers import IdentifierKind, InvalidReason
from lsi_match.manifest.person_keys import FIELDS_OF, PERSON_KEYS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

#: LSI_MATCH_WRITE_DOCS=1 writes what the program gives now into the pages, instead of comparing: the output in the
#: tutorial, and the statements of the example projects.
REWRITE = bool(os.environ.get("LSI_MATCH_WRITE_DOCS"))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def text_of(page: str) -> str:
    return (DOCS / page).read_text()


def blocks(page: str, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(text_of(page)) if found == language]


def anchor(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    plain = re.sub(r"[`*]", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def command_names() -> list[str]:
    """Every command a person can give: `demo`, `keys make` …"""
    names, app = [], command_line()
    for name in app:
        if name.startswith("-"):
            continue
        inner = [child for child in app[name] if not child.startswith("-")]
        names += [f"{name} {child}" for child in inner] or [name]
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    prose = _FENCE.sub("", page.read_text())
    for link in _LINK.findall(prose):
        if re.match(r"^[a-z]+:", link):
            continue
        target, _, wanted = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {link}"
        if wanted:
            anchors = {anchor(heading) for heading in _HEADING.findall(_FENCE.sub("", file.read_text()))}
            assert wanted in anchors, f"{page.name}: {link}"


def test_every_page_is_in_the_index() -> None:
    index = text_of("README.md")
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS).as_posix()
        assert name == "README.md" or f"({name})" in index, name


@pytest.mark.parametrize("command", command_names())
def test_every_command_and_its_options_are_in_the_reference(command: str) -> None:
    reference = text_of("reference/commands.md")
    assert f"## `lsi-match {command}`" in reference
    section = reference.split(f"## `lsi-match {command}`")[1].split("\n## ")[0]
    called = command_line()
    for word in command.split():
        called = called[word]
    arguments = called.assemble_argument_collection() if called.default_command else ()
    for argument in arguments:
        long = [name for name in argument.names if name.startswith("--") and not name.startswith("--no-")]
        short = [name.removeprefix("--").upper() for name in long or argument.names]
        assert any(name in section for name in (*long, *short)), f"{command}: {argument.names}"


@pytest.mark.parametrize("part", list(Manifest.model_fields))
def test_every_part_of_the_manifest_is_explained(part: str) -> None:
    assert re.search(rf"^## `{part}`", text_of("manifest.md"), re.MULTILINE)


def test_every_member_of_the_manifest_is_named() -> None:
    page = text_of("manifest.md")
    schema = Manifest.model_json_schema()
    members = {name for part in schema["$defs"].values() for name in part.get("properties", {})}
    assert [name for name in sorted(members) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("step", list(Step))
def test_every_step_is_in_the_page_about_the_log(step: Step) -> None:
    assert f"| `{step.value}` | {called('step', step, 'nl')} |" in text_of("log.md")


def test_every_function_and_type_of_the_criteria_language_is_explained() -> None:
    page = text_of("criteria.md")
    for function in FUNCTIONS:
        assert f"`{function}(" in page, function
    for kind in FieldType:
        assert f"| `{kind.value}` |" in page, kind


def test_the_protocol_names_every_kind_and_reason() -> None:
    page = text_of("protocol.md")
    for word in (*IdentifierKind, *InvalidReason):
        assert re.search(rf"`{word.value}`|\*\*{word.value}\*\*", page), word


def test_every_person_key_is_explained_as_it_is() -> None:
    page = (DOCS / "person-keys.md").read_text()
    for name, key in PERSON_KEYS.items():
        parts = ", ".join(f"`{part}`" for part in key.parts)
        assert f"| `{name}` | {parts} | {key.reason} |\n" in page
    explained = page.split("## The parts")[1].split("## The keys")[0]
    assert [part for part in FIELDS_OF if f"`{part}`" not in explained] == []


def test_the_vectors_of_the_protocol_are_those_of_the_program() -> None:
    key = ProjectKey("voorbeeld", 1, bytes(range(32)))
    expected = [key.subkey("pseudonym/voorbeeld/1/2026-10/bsn")]
    for kind, identifier in (
        ("bsn", "999990019"),
        ("v_number", "1234567890"),
        ("address", "1011AB|12|A"),
        ("pk_names_birth", "JANSEN+PIET|19800213"),
    ):
        expected.append(pseudonym(key, identifier, "2026-10", kind).hex())
    expected.append(key.check_value)
    assert blocks("protocol.md", "text")[0].split() == expected


def test_the_python_of_the_protocol_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That about parts reads the one of the vectors, and finds what is in it."""
    vector = json.loads((ROOT / "tests" / "vectors" / "protocol-v1.json").read_text())["drop_part"]
    (tmp_path / "part").write_bytes(base64.b64decode(vector["plain"]))
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for source in blocks("protocol.md", "python"):
        exec(compile(source, "docs/protocol.md", "exec"), found)
    rows = vector["rows"]
    assert [bytes(one).hex() for one in found["pseudonyms"]] == [row["bsn"] for row in rows]
    assert found["signals"].tolist() == [row["signals"] for row in rows]
    (query,) = blocks("protocol.md", "sql")
    by_sql = duckdb.connect().sql(query).fetchall()
    assert [(place, cell.lower()) for place, cell in by_sql] == [
        (n, row["bsn"]) for n, row in enumerate(rows)
    ]


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("xxd")), reason="needs openssl and xxd")
def test_the_shell_commands_of_the_protocol_give_what_stands_below_them() -> None:
    if not subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.startswith(
        "OpenSSL 3"
    ):
        pytest.skip("needs OpenSSL 3")
    first, second = (body for body in blocks("protocol.md", "sh") if "KEY=0001" in body or "-K $KEY" in body)
    done = subprocess.run(["bash", "-euc", first + second], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        word for body in blocks("protocol.md", "text")[:2] for word in body.split()
    ]


def _masked(text: str) -> list[str]:
    """What is the same each time: without digests, keys, times, seconds and sizes, and without trailing space."""
    text = text.replace("\ufeff", "")  # that marks a table as UTF-8 for spreadsheets
    text = re.sub(r"[0-9a-f]{16,}", "HEX", text)
    text = re.sub(r"(?<=sha256:)[0-9a-f]{8,}…?", "HEX", text)
    text = re.sub(r"age1[0-9a-z]+", "AGE", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)
    text = re.sub(r"milliseconds=\d+", "milliseconds=N", text)
    text = re.sub(r" +\d+\.\d\d s +\d+ MiB", " TOOK", text)
    text = re.sub(r"rec-\d+-(org|dup-0)", "REC", text)
    # How many pairs are found is told by the demo, and changes with the person keys.
    text = re.sub(r"\b\d{4}\b", "COUNT", text)
    return [re.sub(r"[ ─━]+", " ", line).rstrip() for line in text.strip().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tutorial.md", "nl/manifest-lezen.md"])
def test_the_commands_of_a_page_work_word_for_word(name: str, tmp_path: Path) -> None:
    """Every command in turn, in one shell."""
    pytest.importorskip("recordlinkage")
    bin_folder = Path(sys.executable).parent
    if not (bin_folder / "lsi-match").exists() and not shutil.which("lsi-match"):
        pytest.skip("the program is not installed here")
    page = text_of(name)
    fences = list(_FENCE.finditer(page))
    commands = [fence for fence in fences if fence[1] == "sh"]
    script = "".join(f"{fence[2]}echo @@@\n" for fence in commands)
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "COLUMNS": "110",
    }
    ran = subprocess.run(
        ["bash", "-uc", "exec 2>&1\n" + script], cwd=ROOT, env=env, capture_output=True, text=True
    )
    outputs = [part.strip("\n") for part in ran.stdout.split("@@@\n")]
    told: dict[int, str] = {}
    for fence, output in zip(commands, outputs, strict=False):
        after = fences.index(fence) + 1
        if (
            after < len(fences)
            and fences[after][1] == "text"
            and "```" not in page[fence.end() + 1 : fences[after].start()]
        ):
            told[after] = output
        else:
            assert not output, output
    if REWRITE:
        for at in sorted(told, reverse=True):
            lines = "\n".join(line.rstrip() for line in told[at].splitlines())
            page = page[: fences[at].start()] + f"```text\n{lines}\n```" + page[fences[at].end() :]
        (DOCS / name).write_text(page)
        return
    assert len(outputs) == len(commands) + 1
    for at, output in told.items():
        assert _masked(output) == _masked(fences[at][2])


@pytest.mark.parametrize("project", ["samenloop", "wijk"])
def test_the_statement_of_an_example_project_stands_in_the_docs_as_it_is_signed(
    project: str, tmp_path: Path
) -> None:
    page, made = DOCS / "nl" / f"verklaring-{project}.md", tmp_path / "statement.md"
    assert (
        run(["manifest", "statement", str(ROOT / "configs" / project / "manifest.yaml"), "--out", str(made)])
        == 0
    )
    if REWRITE:
        page.write_bytes(made.read_bytes())
    assert page.read_text("utf-8") == made.read_text("utf-8")


def test_what_stands_around_a_dutch_page_is_dutch_and_each_link_in_its_language() -> None:
    """As `docs/conf.py` has Sphinx fill in the list of pages; every heading of the index has its word in Dutch."""
    made: dict[str, Any] = {"__file__": str(DOCS / "conf.py")}
    exec(compile(text_of("conf.py"), "conf.py", "exec"), made)
    parts = text_of("README.md").split("\n## ")[1:]
    captions = [part.split("\n", 1)[0] for part in parts if made["_LISTED"].search(part)]
    assert set(captions) <= made["_DUTCH"].keys()
    shown = f'<p class="caption" role="heading"><span class="caption-text">{captions[1]}</span></p>'
    shown += '<ul><li><a class="reference internal" href="../log.html">The log</a><li><a class="current reference internal" href="#">FG</a></ul>'
    for name, caption, languages in (
        ("nl/fg", made["_DUTCH"][captions[1]], ["en", "nl"]),
        ("log", captions[1], ["en", "en"]),
    ):
        context = {"toctree": lambda: shown, "theme_description": "", "body": "<pre>"}
        made["_in_its_language"](None, name, "", context, None)
        page = context["toctree"]()  # type: ignore[operator]
        assert f">{caption}<" in page
        assert re.findall(r'<a lang="(\w\w)"', page) == languages
        assert context["_"]("Navigation") == ("Navigation" if name == "log" else made["_DUTCH"]["Navigation"])  # type: ignore[operator]
