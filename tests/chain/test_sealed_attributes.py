"""Attributes pass the matching environment sealed: it reads none, and whoever receives them finds what it changed."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from handmade import BSNS, selection, write_csv
from operation import PARTNERS, Operation, folders
from refusals import raises

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.files import read_bytes, read_private
from lsi_match.crypto.sealing import unseal
from lsi_match.crypto.signing import SignatureMissingError, peek, sign
from lsi_match.matcher.engine import buckets, intake
from lsi_match.matcher.engine.buckets import Matched
from lsi_match.matcher.engine.engine import Engine
from lsi_match.matcher.round import run as run_module
from lsi_match.matcher.round import work
from lsi_match.partner.release import open as open_module
from lsi_match.protocol.columns import REFERENCE, SEALED
from lsi_match.protocol.documents import AttributeKeys, DropDescriptor

#: What marks everybody at the UWV: a month, and the last of many values. Their places stand in these bytes, row by row
#: where three are packed, or in a column of three records or more.
MONTH, PLACE = "1987-03", 491
LABELS = [f"MERK-{number}" for number in range(PLACE + 1)]
PLACES = {1987 * 12 + 2, PLACE}
MARKS = [
    np.array([1987 * 12 + 2, PLACE, PLACE], "<u2").tobytes(),
    *(np.full(3, place, "<u2").tobytes() for place in PLACES),
    MONTH.encode(),
    LABELS[-1].encode(),
]


def attributes(use: str) -> list[dict[str, Any]]:
    said = {"rationale": "Om te weten waar het over gaat."}
    listed = {"field": "soort", "kind": "listed", "values": LABELS, **said}
    return [
        {"id": "sinds", "field": "begin", "kind": "month", "use": use, **said},
        {"id": "merk", **listed},
        {"id": "ook", **listed},
    ]


def project(folder: Path, use: str = "release", selections: int = 1, linked: bool = False) -> Operation:
    """The SVB sees the attributes of the UWV, the gemeente does not. Records stand in each selection of the UWV; with `linked`,
    under one of two kinds of number."""
    own = [selection(attributes=attributes(use)), *(selection(id="meer") for _ in range(selections - 1))]
    for signals in own[1:]:
        signals["signals"] = [
            {**one, "id": f"{one['id']}_2", "label": f"Meer: {one['label']}"} for one in signals["signals"]
        ]
        signals["attributes"] = attributes(use)
    show = {name: {"signals_of": [o for o in PARTNERS if o != name]} for name in PARTNERS}
    show["svb"] = {**show["svb"], "attributes_of": ["uwv"]}
    rule = "partners >= 2" + (" AND (uwv_sinds_last < peildatum OR NOT uwv)" if use == "both" else "")
    op = Operation(
        folder, PARTNERS, folders(folder, PARTNERS),
        release={"to": show},
        # Each on its own: the YAML has no references.
        sections=json.loads(json.dumps({
            "partners": {"uwv": {"selections": own}}, "match": {"rule": rule},
            "subject": {"identifiers": ["bsn", "v_number"] if linked else ["bsn"]},
        })),
    )  # fmt: skip
    rows = [{**Operation._row("uwv", bsn), "begin": f"{MONTH}-05", "soort": LABELS[-1]} for bsn in BSNS[:5]]
    write_csv(op.world.extracts / "uwv.csv", rows)
    if selections > 1:
        mapping = op.folder / "config" / "mappings" / "uwv.yaml"
        text = mapping.read_text()
        mapping.write_text(text.replace("selections:", "selections:\n" + _mapping_of("meer", op), 1))
    return op


def _mapping_of(name: str, op: Operation) -> str:
    columns = ", ".join(f"{field}: {field}" for field in selection()["fields"])
    return f"  {name}: {{extract: uwv.csv, record_id: kenmerk, columns: {{{columns}}}}}"


class Held:
    """Everything that the matching environment has in memory or on disk during a run, as bytes and as values."""

    def __init__(self, op: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data: dict[str, list[bytes]] = {}
        self.values: set[Any] = set()
        self._spy(monkeypatch, intake, "from_part", lambda args, _: [("parts", bytes(args[0]))])
        self._spy(monkeypatch, work, "decrypt", lambda _, found: [("work", found)])
        self._spy(monkeypatch, run_module, "to_part", lambda _, found: [("release", bytes(found))])
        self._spy(monkeypatch, buckets, "packed", lambda _, found: [("spool", found)])
        self.secrets: list[str] = []
        closing, destroying = Engine.close, run_module.Run.destroy

        def close(engine: Engine) -> None:
            self._tables(engine)
            closing(engine)

        def destroy(run: run_module.Run) -> None:
            round_key = read_private(op.project.round_folder(run.round_id) / "round.key").decode()
            self.secrets += [round_key, str(op.project.site.identity().encryption)]
            for file in op.project.site.folder.rglob("*"):
                # The manifest itself lists the labels.
                if file.is_file() and b"lsi-match/manifest/" not in (data := file.read_bytes()):
                    self.keep("files", data)
            destroying(run)

        monkeypatch.setattr(Engine, "close", close)
        monkeypatch.setattr(run_module.Run, "destroy", destroy)

    def keep(self, what: str, data: bytes) -> None:
        self.data.setdefault(what, []).append(data)

    def _spy(
        self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, found: Callable[[Any, Any], Any]
    ) -> None:
        plain = getattr(module, name)

        def spying(*args: Any, **more: Any) -> Any:
            result = plain(*args, **more)
            for what, data in found(args, result):
                self.keep(what, data)
            return result

        monkeypatch.setattr(module, name, spying)

    def _tables(self, engine: Engine) -> None:
        tables = [row[0] for row in engine.rows("SELECT table_name FROM information_schema.tables")]
        for table in [*tables, "record"]:
            for row in engine.rows(f'SELECT * FROM "{table}"'):
                self.values.update(row)
        for arrays in engine._outside:
            self.keep("outside", b"".join(array.tobytes() for array in arrays[1].values()))

    def found(self) -> set[str]:
        """Where an attribute of anybody is."""
        hits = {
            what for what, data in self.data.items() if any(mark in one for one in data for mark in MARKS)
        }
        values = {value for value in self.values if isinstance(value, int | str)}
        return hits | ({"tables"} if values & (PLACES | {MONTH, LABELS[-1]}) else set())


@pytest.mark.parametrize("linked", [False, True])
def test_the_matching_environment_holds_no_attribute_of_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """Nor a key that opens them."""
    op = project(tmp_path, linked=linked)
    held = Held(op, monkeypatch)
    op.run_here("r1")
    assert {
        "parts",
        "work",
        "release",
        "outside",
        "files",
        *(["spool"] if linked else []),
    } <= held.data.keys()
    for keys in _keys(op, "r1"):
        for secret in held.secrets:
            with raises("SealBrokenError"):
                unseal(b64decode(keys.sealed["svb"]), secret, what="keys", party="uwv")
    assert len(held.secrets) == 2
    assert len(held.values) > 20
    assert held.found() == set()
    told = op.world.open("svb", "r1")
    assert set(told.get_column("uwv.sinds")) <= {MONTH, ""}, "and it was there all the time"
    assert MONTH in told.get_column("uwv.sinds")


def test_what_the_match_rule_looks_at_is_seen_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    op = project(tmp_path, use="both")
    held = Held(op, monkeypatch)
    op.run_here("r1")
    assert held.found() >= {"parts", "tables"}
    assert MONTH in op.world.open("svb", "r1").get_column("uwv.sinds")


def test_a_recipient_gets_exactly_the_attributes_of_its_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the UWV's records in its cases; none of its other records; nobody else gets any."""
    op = project(tmp_path)
    opened: list[Any] = []
    plain = open_module.read_release

    def spying(*args: Any) -> Any:
        opened.append(plain(*args))
        return opened[-1]

    monkeypatch.setattr(open_module, "read_release", spying)
    op.run_here("r1")
    told = op.world.open("svb", "r1")
    own, others = opened[-1]
    with_uwv = own.filter(own.get_column("uwv")).get_column("case_id")
    assert 0 < len(with_uwv) < 5, "of five people at the UWV"
    assert others.keys() == {"uwv"}
    assert sorted(others["uwv"].get_column("case_id")) == sorted(with_uwv)
    assert set(others["uwv"].drop("case_id").iter_rows()) == {(1987 * 12 + 2, PLACE, PLACE)}
    assert told.filter(told.get_column("uwv")).select("uwv.sinds", "uwv.merk").rows() == [
        (MONTH, LABELS[-1])
    ] * len(with_uwv)
    op.world.open("gemeente", "r1")
    assert opened[-1][1] == {}
    keys = next(iter(_keys(op, "r1")))
    assert keys.sealed.keys() == {"svb"}


def _keys(op: Operation, round_id: str) -> Iterator[AttributeKeys]:
    for file in sorted((op.project.folder / "documents").glob("*.json")):
        data = read_bytes(file)
        if b"drop+json" in data:
            drop = peek(data, DropDescriptor, what="drop", party="uwv")
            if drop.attribute_keys and drop.round == round_id:
                yield peek(drop.attribute_keys.encode(), AttributeKeys, what="keys", party="uwv")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return project(tmp_path_factory.mktemp("sealed"), selections=2)


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray, pa.Table], np.ndarray]) -> None:
    """A matching environment that does something else with the sealed attributes that it hands on."""
    honest = Matched.attributes

    def dishonest(matched: Matched, recipient: str) -> dict[str, pa.Table]:
        found = honest(matched, recipient)
        for source, table in found.items():
            column = table.column(SEALED).combine_chunks()
            cells = np.array([list(cell.as_py()) for cell in column], np.uint8).reshape(len(table), -1)
            made = pa.array([bytes(one) for one in change(cells, table)], column.type)
            found[source] = table.set_column(
                table.schema.get_field_index(SEALED), table.schema.field(SEALED), made
            )
        return found

    monkeypatch.setattr(Matched, "attributes", dishonest)


def one_bit(cells: np.ndarray, _: pa.Table) -> np.ndarray:
    cells[0, 15] ^= 1
    return cells


def tag_cut(cells: np.ndarray, _: pa.Table) -> np.ndarray:
    cells[-1, -1] ^= 128
    return cells


def swapped(cells: np.ndarray, table: pa.Table) -> np.ndarray:
    """Of two records, in the same selection."""
    first = next(
        (i, j)
        for i in range(len(table))
        for j in range(i)
        if table.column("selection")[i] == table.column("selection")[j]
    )
    cells[list(first)] = cells[list(first)[::-1]]
    return cells


def swapped_between_selections(cells: np.ndarray, table: pa.Table) -> np.ndarray:
    """Of one record that stands in two selections: it has one reference in both."""
    references = table.column(REFERENCE).to_pylist()
    pair = next([i, j] for i in range(len(table)) for j in range(i) if references[i] == references[j])
    cells[pair] = cells[pair[::-1]]
    return cells


@pytest.mark.parametrize("change", [one_bit, tag_cut, swapped, swapped_between_selections])
def test_what_the_matching_environment_changes_is_found(
    shared: Operation, monkeypatch: pytest.MonkeyPatch, change: Callable[[np.ndarray, pa.Table], np.ndarray]
) -> None:
    changed(monkeypatch, change)
    round_id = f"r-{change.__name__.replace('_', '-')}"
    shared.run_here(round_id)
    with raises("AttributesAlteredError") as refused:
        shared.world.open("svb", round_id)
    assert "UWV" in refused.value.text("nl").upper()
    shared.world.open("gemeente", round_id)


def test_attributes_of_another_round_are_found(shared: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rows of the round before in place of these: their references too, and even their key."""
    kept: dict[str, pa.Table] = {}
    honest = Matched.attributes

    def keeps(matched: Matched, recipient: str) -> dict[str, pa.Table]:
        kept.update(honest(matched, recipient))
        return honest(matched, recipient)

    monkeypatch.setattr(Matched, "attributes", keeps)
    shared.run_here("first")
    assert shared.world.open("svb", "first").height
    first = next(iter(_keys(shared, "first")))

    def again(matched: Matched, recipient: str) -> dict[str, pa.Table]:
        found = honest(matched, recipient)
        return {name: kept[name].set_column(0, "case_id", table.column(0)) for name, table in found.items()}

    monkeypatch.setattr(Matched, "attributes", again)
    shared.run_here("second")
    with raises("AttributesAlteredError"):
        shared.world.open("svb", "second")

    plain = run_module.ReleasedAttributes

    def with_first_key(**members: Any) -> Any:
        return plain(**{**members, "keys": sign(first, shared.world.home("uwv").identity()).decode()})

    monkeypatch.setattr(run_module, "ReleasedAttributes", with_first_key)
    shared.run_here("third")
    with raises("AttributesAlteredError"):
        shared.world.open("svb", "third")

    def with_own_key(**members: Any) -> Any:
        made = first.model_copy(update={"round": "fourth"})
        return plain(**{**members, "keys": sign(made, shared.world.home("gemeente").identity()).decode()})

    monkeypatch.setattr(run_module, "ReleasedAttributes", with_own_key)
    shared.run_here("fourth")
    with pytest.raises(SignatureMissingError):
        shared.world.open("svb", "fourth")


def test_equal_attributes_do_not_show(shared: Operation) -> None:
    """Everybody at the UWV has the same; no two cells are equal, nor those of one record in two selections or two rounds: each
    drop has a key of its own, no nonce is there twice, and what is encrypted does not show where cells lie on each other."""
    manifest, svb = shared.project.manifest(), shared.world.home("svb").identity()
    cells: list[bytes] = []
    keys: set[bytes] = set()
    for round_id in ("equal", "equal-again"):
        shared.world.open_round(round_id)
        opening = (shared.project.round_folder(round_id) / "opening.json").read_bytes()
        drop = shared.world.prepare("uwv", opening)
        round_ = run_module.round_of(shared.project, manifest, round_id)
        received = intake.receive(drop.file, "uwv", round_, shared.clock())
        assert received.digest == digest_of_bytes(drop.file.read_bytes())
        for number in range(len(drop.descriptor.parts)):
            cells += received.part(number).column(SEALED).to_pylist()
        signed = (drop.descriptor.attribute_keys or "").encode()
        sealed = peek(signed, AttributeKeys, what="keys", party="uwv").sealed["svb"]
        keys.add(unseal(b64decode(sealed), svb.encryption, what="key", party="svb"))
    assert {len(cell) for cell in cells} == {3 * 2 + 28}
    for piece in (slice(None), slice(12), slice(12, -16), slice(-16, None)):
        assert len(cells) == len({cell[piece] for cell in cells}) == 20
    assert len(keys) == 2
    assert {len(key) for key in keys} == {32}
