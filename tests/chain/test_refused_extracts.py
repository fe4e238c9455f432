"""What is wrong with an extract, a mapping or an agreement is refused at the partner, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from lsi_match.agreement.approvals import approve
from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError
from lsi_match.base.yaml_positions import parse_yaml
from lsi_match.demo.world import World
from lsi_match.matcher.round.run import Run
from lsi_match.partner.extract.column_mapping import ColumnMapping
from lsi_match.partner.prepare import Prepared, prepare

from .conftest import ROUND, Town, copy_of, run_steps

PARTNER = "uwv"


def extract(world: World) -> Path:
    return world.extracts / world.mapping(PARTNER).selections["uitkering"].extract


def edit(world: World, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    frame = pl.read_csv(extract(world), infer_schema=False)
    change(frame).write_csv(extract(world))


def missing_file(world: World) -> None:
    extract(world).unlink()


def missing_column(world: World) -> None:
    edit(world, lambda frame: frame.drop("DAGBEDRAG"))


def wrong_type(world: World) -> None:
    edit(world, lambda frame: frame.with_columns(_at(frame, "DAGBEDRAG", 4, "geheim-bedrag")))


def impossible_date(world: World) -> None:
    edit(world, lambda frame: frame.with_columns(_at(frame, "DT_INGANG", 9, "2026-02-31")))


def no_valid_identifier(world: World) -> None:
    edit(world, lambda frame: frame.with_columns(pl.lit("123456789").alias("BSN")))


def ragged(world: World) -> None:
    lines = extract(world).read_text().split("\n")
    lines[6] += ",too,many"
    extract(world).write_text("\n".join(lines))


def open_quote(world: World) -> None:
    lines = extract(world).read_text().split("\n")
    lines[3] = '"' + lines[3]
    extract(world).write_text("\n".join(lines))


def other_encoding(world: World) -> None:
    extract(world).write_bytes(
        extract(world).read_bytes().replace(b"T. de Boer", b"T. de B\xf6er", 1) + b"\xff"
    )


def not_a_parquet_file(world: World) -> None:
    file = world.extracts / world.mapping("belastingdienst").selections["loon"].extract
    file.write_bytes(b"PAR1 no it is not")


def empty_file(world: World) -> None:
    extract(world).write_bytes(b"")


def _at(frame: pl.DataFrame, column: str, row: int, value: str) -> pl.Series:
    values = frame.get_column(column).to_list()
    values[row] = value
    return pl.Series(column, values)


REFUSED: list[tuple[Callable[[World], None], str, tuple[str, ...]]] = [
    (missing_file, "FileMissingError", ()),
    (missing_column, "ColumnMissingError", (PARTNER, "DAGBEDRAG")),
    (wrong_type, "WrongTypeError", (PARTNER, "rij 6", "DAGBEDRAG")),
    (impossible_date, "WrongTypeError", (PARTNER, "rij 11", "DT_INGANG")),
    (no_valid_identifier, "NoValidIdentifierError", (PARTNER, "check_failed")),
    (ragged, "ExtractUnreadableError", (PARTNER, "rij 7")),
    (open_quote, "ExtractUnreadableError", (PARTNER, "rij 4")),
    (other_encoding, "ExtractUnreadableError", (PARTNER,)),
    (empty_file, "ExtractUnreadableError", (PARTNER, "kopregel")),
]


@pytest.mark.parametrize(
    ("spoil", "reason", "told"), REFUSED, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_bad_extract_is_refused_by_file_row_and_column_without_its_values(
    world: World, spoil: Callable[[World], None], reason: str, told: tuple[str, ...]
) -> None:
    out = world.folder / "out"
    spoil(world)
    with pytest.raises(LsiError) as refused:
        _prepare(world, PARTNER, out)
    text = refused.value.text("nl")
    assert refused.value.reason == reason
    assert refused.value.exit_status == 1
    assert extract(world).name in text
    assert all(part in text for part in told), text
    assert "geheim-bedrag" not in text
    assert "123456789" not in text
    assert not out.exists() or not list(out.iterdir()), "nothing half-written"


def test_a_broken_parquet_extract_is_refused(world: World) -> None:
    not_a_parquet_file(world)
    with pytest.raises(LsiError) as refused:
        _prepare(world, "belastingdienst", world.folder / "out")
    assert refused.value.reason == "ExtractUnreadableError"


def test_a_record_without_record_id_is_refused_by_its_row(world: World) -> None:
    kept = pl.read_csv(extract(world), infer_schema=False)
    edit(world, lambda frame: frame.with_columns(pl.lit("").alias("UITK_ID")))
    with pytest.raises(LsiError) as refused:
        _prepare(world, PARTNER, world.folder / "out")
    assert refused.value.reason == "RecordIdMissingError"
    kept.write_csv(extract(world))
    assert _prepare(world, PARTNER, world.folder / "out").file.exists(), "it works once mended"


def test_a_field_without_a_column_in_the_mapping_is_refused(world: World) -> None:
    mapping = world.mapping(PARTNER).model_dump()
    del mapping["selections"]["uitkering"]["columns"]["dagbedrag"]
    with pytest.raises(LsiError) as refused:
        _prepare(world, PARTNER, world.folder / "out", ColumnMapping.model_validate(mapping))
    assert refused.value.reason == "FieldUnmappedError"
    assert "dagbedrag" in refused.value.text("nl")


def test_a_mapping_cannot_reach_outside_the_extracts() -> None:
    for path in ("../secret.csv", "/etc/passwd.csv", "*.csv"):
        text = f"selections: {{s: {{extract: '{path}', record_id: id, columns: {{}}}}}}"
        with pytest.raises(LsiError) as refused:
            parse_yaml(text, "mapping.yaml", ColumnMapping)
        assert "1:" in str(refused.value)


def test_a_value_that_the_manifest_does_not_list_does_not_go_along(world: World) -> None:
    attribute = world.draft["partners"][PARTNER]["selections"][0]["attributes"][0]
    assert attribute["kind"] == "listed"
    left_out = attribute["values"].pop()
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    world.open_round("r2", "2026-10-01")
    opening = world.project.round_folder("r2") / "opening.json"
    with pytest.raises(LsiError) as refused:
        prepare(
            world.home(PARTNER), opening, world.mapping(PARTNER), world.extracts, world.folder / "out",
            world.project_id, utc_now(),
        )  # fmt: skip
    assert refused.value.reason == "ValueNotListedError"
    text = refused.value.text("nl")
    assert "rij" in text
    assert attribute["id"] in text
    assert f" {left_out} " not in text


def test_more_records_than_agreed_are_not_delivered(world: World) -> None:
    world.draft["partners"][PARTNER]["selections"][0]["volume"] = {"at_least": 0, "at_most": 3}
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    world.open_round("r2", "2026-10-01")
    opening = world.project.round_folder("r2") / "opening.json"
    with pytest.raises(LsiError) as refused:
        prepare(
            world.home(PARTNER), opening, world.mapping(PARTNER), world.extracts, world.folder / "out",
            world.project_id, utc_now(),
        )  # fmt: skip
    assert refused.value.reason == "VolumeOutOfBoundsError"
    assert not list((world.folder / "out").glob("*"))


def test_nothing_is_prepared_or_run_while_a_signature_is_missing(world: World) -> None:
    (world.home(PARTNER).project(world.project_id) / "approvals" / "svb.json").unlink()
    with pytest.raises(LsiError) as refused:
        _prepare(world, PARTNER, world.folder / "out")
    assert refused.value.reason == "ApprovalsMissingError"
    assert "svb" in refused.value.text("nl")
    (world.project.folder / "approvals" / "ind.json").unlink()
    with pytest.raises(LsiError) as stopped:
        run_steps(world)
    assert stopped.value.reason == "ApprovalsMissingError"
    assert not list(world.project.folder.glob("releases/*/*"))


@pytest.mark.parametrize("place", [0.1, 0.35, 0.6, 0.85, 0.99])
def test_a_changed_byte_of_the_manifest_stops_partner_and_run(world: World, place: float) -> None:
    for file in (
        world.home(PARTNER).project(world.project_id) / "manifest.json",
        world.project.folder / "manifest.json",
    ):
        data = bytearray(file.read_bytes())
        at = int(len(data) * place)
        data[at] = ord("1") if data[at] != ord("1") else ord("2")
        file.write_bytes(bytes(data))
    with pytest.raises(LsiError):
        _prepare(world, PARTNER, world.folder / "out")
    with pytest.raises(LsiError):
        run_steps(world)
    assert not list(world.project.folder.glob("releases/*/*"))


def test_a_changed_criterion_needs_every_signature_again(world: World) -> None:
    """Somebody who holds the site's folder rewrites the rule and keeps the old approvals."""
    world.draft["match"]["rule"] = "partners >= 1"
    changed = world.complete(world.project.manifest().pseudonyms.key_check)
    (world.project.folder / "manifest.json").write_bytes(changed.canonical())
    with pytest.raises(LsiError) as stopped:
        run_steps(world)
    assert stopped.value.reason == "ApprovalInvalidError"
    with pytest.raises(LsiError):
        world.site.accept(changed.canonical(), world.project.papers(), utc_now())


def test_one_controller_cannot_sign_for_another(world: World) -> None:
    manifest = world.project.manifest()
    forged = approve(manifest, type(world.home("svb").identity())("ind", *_keys(world, "svb")), utc_now())
    (world.project.folder / "approvals" / "ind.json").write_bytes(forged)
    with pytest.raises(LsiError) as stopped:
        run_steps(world, steps=("gates",))
    assert stopped.value.reason == "ApprovalInvalidError"
    assert "ind" in stopped.value.text("nl")


def test_a_manifest_with_keys_that_were_not_registered_is_not_accepted(world: World) -> None:
    """An impostor makes keys of his own for every controller and signs everything himself."""
    impostor = World(world.folder / "impostor", world.config, world.extracts, world.clock)
    impostor.draft["project"]["period"] = world.draft["project"]["period"]
    impostor.make_keys()
    cards = {**impostor.cards(), "matcher": world.cards()["matcher"]}
    from lsi_match.manifest import Manifest, complete_draft

    manifest = Manifest.model_validate(complete_draft(impostor.draft, cards, "0" * 32))
    approvals = {
        name: approve(manifest, impostor.home(name).identity(), utc_now()) for name in manifest.controllers
    }
    with pytest.raises(LsiError) as refused:
        world.site.accept(manifest.canonical(), approvals, utc_now())
    assert refused.value.reason == "PartyKeyDiffersError"


def test_an_opening_of_another_manifest_or_by_another_signer_is_refused(world: World) -> None:
    file = world.folder / "altered.json"
    file.write_bytes(world.project.opening(ROUND)[1].replace(b"payload", b"pay1oad"))
    with pytest.raises(LsiError) as refused:
        prepare(
            world.home(PARTNER), file, world.mapping(PARTNER), world.extracts,
            world.folder / "out", world.project_id, utc_now(),
        )  # fmt: skip
    assert refused.value.reason == "SignedDocumentInvalidError"


def test_a_round_that_has_closed_takes_no_drop_unless_it_waits_for_whoever_is_late(
    made: Town, world: World, tmp_path: Path
) -> None:
    """The neighbourhood project goes on without whoever is late, the theme project waits."""
    wijk = copy_of(made.worlds["wijk"], tmp_path / "wijk")

    def after_the_deadline(world: World) -> Prepared:
        opening, _ = world.project.opening(ROUND)
        signed = world.project.round_folder(ROUND) / "opening.json"
        return prepare(
            world.home(PARTNER), signed, world.mapping(PARTNER), world.extracts, world.folder / "out",
            world.project_id, opening.deadline,
        )  # fmt: skip

    with pytest.raises(LsiError) as refused:
        after_the_deadline(wijk)
    assert refused.value.reason == "RoundClosedError"
    assert after_the_deadline(world).file.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda draft: draft["project"].update(period={"first": "2020-01-01", "last": "2020-12-31"}),
            "PeriodGateError",
        ),
        (lambda draft: draft["dpia"].update(date="2098-01-01"), "DpiaGateError"),
        (lambda draft: draft["dpo_advice"].pop("svb"), "DpoAdviceGateError"),
        (lambda draft: draft["dpo_advice"]["svb"].update(date="2098-01-01"), "DpoAdviceGateError"),
        (
            lambda draft: draft["dpo_advice"]["svb"].update(outcome="negative", answer=None),
            "DpoAdviceUnansweredGateError",
        ),
    ],
)
def test_a_gate_that_does_not_hold_stops_the_run(
    world: World, change: Callable[..., None], reason: str
) -> None:
    opening_file = world.project.round_folder(ROUND) / "opening.json"
    change(world.draft)
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    assert opening_file.exists()
    run = Run(world.project, ROUND, utc_now)
    with pytest.raises(LsiError) as stopped:
        run.gates()
    run.close()
    assert stopped.value.reason == reason
    last = world.project.entries()[-1]
    assert (last.name, last.status, last.attributes["exception.type"]) == ("gates", "Unset", reason)


def test_a_round_of_an_older_manifest_does_not_run_under_the_new_one(world: World) -> None:
    world.draft["release"]["keep_days"] = 1
    manifest = world.complete(world.project.manifest().pseudonyms.key_check)
    world.agree(manifest, world.approve(manifest))
    with pytest.raises(LsiError) as stopped:
        run_steps(world, steps=("gates",))
    assert stopped.value.reason == "RoundGateError"


def _keys(world: World, name: str) -> tuple[object, object]:
    identity = world.home(name).identity()
    return identity.signing, identity.encryption


def _prepare(world: World, partner: str, out: Path, mapping: ColumnMapping | None = None):  # type: ignore[no-untyped-def]
    opening = world.project.round_folder(ROUND) / "opening.json"
    chosen = mapping or world.mapping(partner)
    return prepare(world.home(partner), opening, chosen, world.extracts, out, world.project_id, utc_now())
