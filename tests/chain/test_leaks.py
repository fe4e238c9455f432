"""Nothing that the matching site or Prefect keeps tells about a person: during a run, and after it.

The real flow runs in its own process on a town whose every identifier, name, address and record id is known; then
every file is searched. A test plants values to prove that the search finds them.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from leaks import TOKEN, Marks, kept, search

from lsi_match.demo.world import World
from lsi_match.matcher.operate.runner import run_match
from lsi_match.partner.home import Home
from lsi_match.partner.normalise import normalise

from .conftest import ROUND, STEPS, Town, copy_of

#: Columns of the extracts that tell who somebody is.
TELLING = re.compile(
    r"bsn|burgerservice|lhnr|vreemdel|v_n|naam|namen|straat|kvk|_id$|kenmerk|nummer|zaak", re.IGNORECASE
)


def telling_values(extracts: Path) -> set[bytes]:
    """Every identifier, name, street and record id in the extracts, as tokens of six letters or digits and more."""
    values: set[bytes] = set()
    for file in extracts.rglob("*.*"):
        frame = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(
            file, infer_schema=False, separator=";" if ";" in file.read_text().split("\n")[0] else ","
        )  # fmt: skip
        for name in frame.columns:
            if TELLING.search(name):
                for value in frame.get_column(name).cast(pl.String).drop_nulls().unique().to_list():
                    values |= set(TOKEN.findall(value.encode()))
    return values


def pseudonyms(world: World, extracts: Path) -> set[bytes]:
    """The pseudonym of every identifier in the extracts, under this round."""
    manifest = world.project.manifest()
    key = world.home("uwv").project_key(manifest)
    made: set[bytes] = set()
    for partner, selection in manifest.selections():
        local = world.mapping(partner).selections[selection.id]
        file = extracts / local.extract
        frame = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
        for source in selection.identifiers:
            columns = [local.columns[name] for name in source.fields]
            if not set(columns) <= set(frame.columns):
                frame = pl.read_csv(file, infer_schema=False, separator=";")
            texts = frame.select(
                pl.col(c).cast(pl.String).alias(n) for n, c in zip(source.fields, columns, strict=True)
            )
            blocks = key.pseudonyms(normalise(texts, source).values, ROUND, source.kind.value)
            made |= {block for block in blocks.to_list() if block}
    return made


@dataclass
class ReconcileResult:
    world: World
    marks: Marks
    outcome: dict[str, Any]
    during: dict[str, dict[str, set[str]]]
    places: list[Path]
    output: str


@pytest.fixture(scope="module")
def watched(made: Town, tmp_path_factory: pytest.TempPathFactory) -> ReconcileResult:
    """A real run of the theme project, searched after each of its steps."""
    place = tmp_path_factory.mktemp("watched")
    world = copy_of(made.worlds["samenloop"], place)
    temporary = place / "tmp"
    temporary.mkdir()
    manifest = world.project.manifest()
    marks = Marks(telling_values(world.extracts), blocks=pseudonyms(world, world.extracts))
    marks.secrets["project key"] = world.home("uwv").project_key(manifest).secret
    for partner in world.partners:
        marks.secrets[f"reference key of {partner}"] = _reference_key(world.home(partner))
    during: dict[str, dict[str, set[str]]] = {}
    lines: list[str] = []

    def on_step(step: dict[str, Any]) -> None:
        lines.append(json.dumps(step))
        if step["step"] in ("intake", "match", "release"):
            during[step["step"]] = search(marks, [world.site.folder, temporary])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        outcome = run_match(world.site.folder, world.project_id, ROUND, on_step=on_step)
    lines.append(json.dumps(outcome))
    return ReconcileResult(world, marks, outcome, during, [world.site.folder, temporary], "\n".join(lines))


def _reference_key(home: Home) -> bytes:
    name = next((home.project("samenloop") / "references").glob("*.age")).name
    from lsi_match.crypto.sealing import unseal

    data = (home.project("samenloop") / "references" / name).read_bytes()
    return bytes.fromhex(
        json.loads(unseal(data, home.identity().encryption, what="key", party=home.name))["key"]
    )


def test_the_flow_releases_the_expected_cases(watched: ReconcileResult, made: Town) -> None:
    assert watched.outcome["state"] == "released"
    assert watched.world.found_cases(ROUND) == made.expected["samenloop"]


def test_nothing_about_a_person_is_on_disk_while_a_run_lasts(watched: ReconcileResult) -> None:
    assert set(watched.during) == {"intake", "match", "release"}
    assert watched.during == {"intake": {}, "match": {}, "release": {}}


def test_nothing_about_a_person_is_on_disk_after_a_run(watched: ReconcileResult) -> None:
    assert search(watched.marks, watched.places) == {}
    assert len(list(kept(watched.places[0]))) > 20, "something was searched"
    assert (watched.world.site.folder / "prefect" / "prefect.db").exists()


def test_what_the_run_prints_tells_nothing(watched: ReconcileResult) -> None:
    assert watched.marks.found_in(watched.output.encode()) == set()


def test_prefect_keeps_names_and_states_only(watched: ReconcileResult) -> None:
    with sqlite3.connect(watched.world.site.folder / "prefect" / "prefect.db") as database:
        states = database.execute("SELECT state_type FROM flow_run").fetchall()
        tasks = dict(database.execute("SELECT name, state_type FROM task_run").fetchall())
        parameters = [json.loads(row[0]) for row in database.execute("SELECT parameters FROM flow_run")]
        logs = database.execute("SELECT count(*) FROM log").fetchone()[0]
        artifacts = database.execute("SELECT count(*) FROM artifact").fetchone()[0]
    site = str(watched.world.site.folder)
    assert parameters == [{"site": site, "project": "samenloop", "round_id": ROUND}]
    assert (logs, artifacts) == (0, 0)
    assert states == [("COMPLETED",)]
    assert tasks == dict.fromkeys([*STEPS, "bucket 0"], "COMPLETED")
    assert not list((watched.world.site.folder / "prefect").rglob("storage/*"))


def test_the_search_finds_what_is_planted(watched: ReconcileResult, tmp_path: Path) -> None:
    text = next(iter(sorted(watched.marks.texts)))
    block = next(iter(watched.marks.blocks))
    planted = {
        "text": b"x " + text + b" x",
        "utf16": ("\u00e9 " + text.decode() + " ").encode("utf-16-le"),
        "hex": text.hex().encode(),
        "block": b"abc" + block + b"def",
        "block-hex": b"k=" + block.hex().encode(),
        "block-uuid": str(uuid.UUID(bytes=block)).encode(),
        "key": b".." + watched.marks.secrets["project key"] + b"..",
        "key-base64": base64.b64encode(watched.marks.secrets["project key"]),
    }
    for name, data in planted.items():
        (tmp_path / name).write_bytes(data)
    assert set(search(watched.marks, [tmp_path])) == set(planted)


def test_a_gate_that_does_not_hold_stops_the_real_flow(made: Town, tmp_path: Path) -> None:
    world = copy_of(made.worlds["samenloop"], tmp_path)
    del world.draft["dpo_advice"]["svb"]
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    steps: list[str] = []
    outcome = world.run(ROUND, lambda step: steps.append(step["step"]))
    assert outcome["state"] == "refused"
    assert outcome["reason"] == "DpoAdviceGateError"
    assert "svb" in outcome["nl"]
    assert steps == ["gates"]
    assert not list(world.project.folder.glob("releases/*/*"))
    assert world.project.entries()[-1].status == "Unset"
