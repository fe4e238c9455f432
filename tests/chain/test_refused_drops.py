"""A bad drop is refused whole, with a reason, alone; and the round runs once it is mended."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from refusals import raises

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import seal, unseal
from lsi_match.crypto.signing import peek, sign, verify
from lsi_match.demo.world import Case, World
from lsi_match.log.events import refused_for
from lsi_match.matcher.engine import verdict
from lsi_match.partner.home import make_key_share
from lsi_match.protocol.columns import drop_columns, row_width
from lsi_match.protocol.documents import AttributeKeys, DropDescriptor
from lsi_match.protocol.tables import from_part, to_part

from .conftest import ROUND, deliver, run_steps

PARTNER = "uwv"


def inbox(world: World, partner: str = PARTNER) -> Path:
    return world.project.folder / "inbox" / partner


def received(world: World, partner: str) -> list[str]:
    """The files of a partner that were taken in and wait, by name; without what the site found of them."""
    folder = world.project.folder / "received" / partner
    return sorted(file.name for file in folder.glob("*.*") if not file.name.endswith(verdict.SUFFIX))


def descriptor_file(world: World, partner: str = PARTNER) -> Path:
    return next(inbox(world, partner).glob("*.drop.json"))


def part_file(world: World, partner: str = PARTNER) -> Path:
    return next(inbox(world, partner).glob("*.age"))


def descriptor(world: World, partner: str = PARTNER) -> DropDescriptor:
    key = world.project.manifest().controllers[partner].signing_key
    data = descriptor_file(world, partner).read_bytes()
    return verify(data, DropDescriptor, key, what="drop", party=partner)


def resign(world: World, changed: DropDescriptor, partner: str = PARTNER) -> None:
    """A dishonest partner signs what it likes with its own key."""
    descriptor_file(world, partner).write_bytes(sign(changed, world.home(partner).identity()))


def rewrite(world: World, change: Callable[[pa.Table], pa.Table | bytes], partner: str = PARTNER) -> None:
    """A dishonest partner changes the rows of its part, seals them again and signs what fits."""
    manifest, said = world.project.manifest(), descriptor(world, partner)
    secret = (world.project.round_folder(ROUND) / "round.key").read_text()
    columns = drop_columns(manifest, manifest.partners[partner])
    plain = unseal(part_file(world, partner).read_bytes(), secret, what="part", party=partner)
    made = change(from_part(plain, columns, said.parts[0].rows, what="part", party=partner))
    data = made if isinstance(made, bytes) else bytes(to_part(made, columns))
    sealed = seal(data, world.project.opening(ROUND)[0].recipient)
    part_file(world, partner).write_bytes(sealed)
    part = said.parts[0].model_copy(update={"digest": digest_of_bytes(sealed)})
    resign(world, said.model_copy(update={"parts": (part,)}), partner)


def set_cell(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    position = table.schema.get_field_index(column)
    return table.set_column(
        position, table.schema.field(column), pa.array(values, table.schema.field(column).type)
    )


def other_manifest(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"manifest": "sha256:" + "0" * 64}))


def other_round(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"opening": "sha256:" + "0" * 64}))


def other_project_key(world: World) -> None:
    """A drop really made with another project key, whose maker did not notice."""
    resign(
        world, descriptor(world).model_copy(update={"key_check": ProjectKey.make("samenloop", 1).check_value})
    )


def other_signer(world: World) -> None:
    data = sign(descriptor(world), world.home("svb").identity())
    descriptor_file(world).write_bytes(data)


def signature_stripped(world: World) -> None:
    envelope = json.loads(descriptor_file(world).read_bytes())
    envelope["signatures"] = []
    descriptor_file(world).write_text(json.dumps(envelope))


def payload_altered(world: World) -> None:
    data = json.loads(descriptor_file(world).read_bytes())
    data["payload"] = (
        data["payload"][:40] + ("A" if data["payload"][40] != "A" else "B") + data["payload"][41:]
    )
    descriptor_file(world).write_text(json.dumps(data))


def part_truncated(world: World) -> None:
    data = part_file(world).read_bytes()
    part_file(world).write_bytes(data[: len(data) // 2])


def part_altered(world: World) -> None:
    data = bytearray(part_file(world).read_bytes())
    data[len(data) // 2] ^= 1
    part_file(world).write_bytes(bytes(data))


def part_missing(world: World) -> None:
    part_file(world).unlink()


def part_is_a_link(world: World) -> None:
    elsewhere = world.folder / "elsewhere.age"
    shutil.move(part_file(world), elsewhere)
    inbox(world).joinpath(descriptor(world).parts[0].file).symlink_to(elsewhere)


def part_sealed_to_another(world: World) -> None:
    sealed = seal(b"whatever", world.cards()["svb"]["encryption_key"])
    part_file(world).write_bytes(sealed)
    part = descriptor(world).parts[0].model_copy(update={"digest": digest_of_bytes(sealed)})
    resign(world, descriptor(world).model_copy(update={"parts": (part,)}))


def from_the_future(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"made_at": world.clock() + timedelta(days=2)}))


def before_the_round(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"made_at": world.clock() - timedelta(days=2)}))


def counts_that_lie(world: World) -> None:
    """The descriptor says one row less than the payload holds, consistently."""
    said = descriptor(world)
    counts = said.selections["uitkering"]
    less = counts.model_copy(update={"written": counts.written - 1, "duplicates": counts.duplicates + 1})
    part = said.parts[0].model_copy(update={"rows": said.parts[0].rows - 1})
    resign(world, said.model_copy(update={"selections": {"uitkering": less}, "parts": (part,)}))


def funnel_that_grows(world: World) -> None:
    said = descriptor(world)
    counts = said.selections["uitkering"]
    grown = counts.model_copy(update={"after": {**counts.after, "bedrag": counts.read + 1}})
    resign(world, said.model_copy(update={"selections": {"uitkering": grown}}))


def _groups(world: World, change: Callable[[dict[str, Any]], object]) -> None:
    """The counts per group of the first selection, changed."""
    said = descriptor(world)
    value = said.selections["uitkering"].model_dump()
    change(value["groups"])
    changed = type(said.selections["uitkering"]).model_validate(value)
    resign(world, said.model_copy(update={"selections": {"uitkering": changed}}))


def groups_that_grow(world: World) -> None:
    """A criterion that lets more of a group through than came."""

    def grow(groups: dict[str, Any]) -> None:
        last = list(groups["after"])[-1]
        first = next(iter(groups["reference"]))
        groups["after"][last][first] = groups["reference"][first] + 1

    _groups(world, grow)


def groups_larger_than_the_register(world: World) -> None:
    _groups(world, lambda groups: groups["with_signal"].update(tot_45=10**6))


def fewer_of_a_group_than_delivered(world: World) -> None:
    """Counts that fit one another, with less of a group than the rows hold."""

    def hide(groups: dict[str, Any]) -> None:
        groups["with_signal"] |= {"tot_45": 0, "vanaf_67": None}
        groups["met"].clear()

    _groups(world, hide)


def groups_left_out(world: World) -> None:
    said = descriptor(world)
    counts = said.selections["uitkering"].model_copy(update={"groups": None})
    resign(world, said.model_copy(update={"selections": {"uitkering": counts}}))


def whole_country(world: World) -> None:
    """More records than agreed, to learn whom the others selected."""
    said = descriptor(world)
    many = world.project.manifest().partners[PARTNER].selections[0].volume.at_most + 1
    counts = said.selections["uitkering"].model_copy(update={"written": many})
    resign(world, said.model_copy(update={"selections": {"uitkering": counts}}))


def undeclared_signal(world: World) -> None:
    rewrite(world, lambda table: set_cell(table, "signals", 3, 1 << 40))


def no_signal(world: World) -> None:
    rewrite(world, lambda table: set_cell(table, "signals", 3, 0))


def _with_keys(world: World, signer: str, **members: Any) -> None:
    """Other keys of the attributes, signed by somebody."""
    said = descriptor(world)
    keys = peek((said.attribute_keys or "").encode(), AttributeKeys, what="keys", party=PARTNER)
    made = sign(keys.model_copy(update=members), world.home(signer).identity()).decode()
    resign(world, said.model_copy(update={"attribute_keys": made}))


def attribute_keys_left_out(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"attribute_keys": None}))


def attribute_keys_of_another_drop(world: World) -> None:
    _with_keys(world, PARTNER, span_id="0" * 16)


def attribute_keys_for_somebody_else(world: World) -> None:
    _with_keys(world, PARTNER, sealed={"svb": "AAAA", "politie": "AAAA"})


def attribute_keys_of_another_signer(world: World) -> None:
    _with_keys(world, "svb")


def undeclared_group(world: World) -> None:
    rewrite(world, lambda table: set_cell(table, "group", 1, 200))


def undeclared_selection(world: World) -> None:
    rewrite(world, lambda table: set_cell(table, "selection", 1, 7))


def row_without_pseudonym(world: World) -> None:
    rewrite(world, lambda table: set_cell(set_cell(table, "bsn", 0, bytes(16)), "v_number", 0, bytes(16)))


def _bytes(world: World, change: Callable[[bytes, int], bytes]) -> None:
    """The right rows, and then other bytes; `change` is told how wide a row is."""
    manifest = world.project.manifest()
    columns = drop_columns(manifest, manifest.partners[PARTNER])
    rewrite(world, lambda table: change(bytes(to_part(table, columns)), row_width(columns)))


def extra_column(world: World) -> None:
    _bytes(world, lambda part, width: part + bytes(16 * (len(part) // width)))


def byte_too_many(world: World) -> None:
    _bytes(world, lambda part, _: part + b"\0")


def byte_too_few(world: World) -> None:
    _bytes(world, lambda part, _: part[:-1])


def row_too_many(world: World) -> None:
    _bytes(world, lambda part, width: part + bytes(width))


def columns_in_another_order(world: World) -> None:
    """The numbers before the blocks: as long, and every cell means something else."""

    def turned(part: bytes, width: int) -> bytes:
        blocks = 16 * 3 * (len(part) // width)
        return part[blocks:] + part[:blocks]

    _bytes(world, turned)


def parquet(world: World) -> None:
    """As in version 1."""

    def write(table: pa.Table) -> bytes:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, store_schema=False, compression="none", use_dictionary=False)
        return bytes(sink.getvalue().to_pybytes())

    rewrite(world, write)


def former_version(world: World) -> None:
    resign(world, descriptor(world).model_copy(update={"format": "lsi-match/drop/v1"}))


def oversized_part(world: World) -> None:
    """A part far larger than its rows can be, signed for."""
    sealed = part_file(world).read_bytes() + os.urandom(3 * 2**20)
    part_file(world).write_bytes(sealed)
    part = descriptor(world).parts[0].model_copy(update={"digest": digest_of_bytes(sealed)})
    resign(world, descriptor(world).model_copy(update={"parts": (part,)}))


def renamed(world: World) -> None:
    file = descriptor_file(world)
    file.rename(file.with_name("mine.drop.json"))


def no_json(world: World) -> None:
    descriptor_file(world).write_bytes(os.urandom(500))


REFUSED: list[tuple[Callable[[World], None], str]] = [
    (other_manifest, "OtherManifestError"),
    (other_round, "OtherRoundError"),
    (other_project_key, "OtherProjectKeyError"),
    (other_signer, "SignatureMissingError"),
    (signature_stripped, "SignatureMissingError"),
    (payload_altered, "SignatureMissingError"),
    (no_json, "SignedDocumentInvalidError"),
    (part_truncated, "PartAlteredError"),
    (part_altered, "PartAlteredError"),
    (part_missing, "PartMissingError"),
    (part_is_a_link, "PartMissingError"),
    (part_sealed_to_another, "SealBrokenError"),
    (from_the_future, "DropTimeError"),
    (before_the_round, "DropTimeError"),
    (counts_that_lie, "TableInvalidError"),
    (funnel_that_grows, "CountsDifferError"),
    (groups_that_grow, "CountsDifferError"),
    (groups_larger_than_the_register, "CountsDifferError"),
    (fewer_of_a_group_than_delivered, "CountsDifferError"),
    (groups_left_out, "CountsDifferError"),
    (whole_country, "DropVolumeError"),
    (undeclared_signal, "PartUndeclaredError"),
    (no_signal, "PartUndeclaredError"),
    (attribute_keys_left_out, "SignedDocumentInvalidError"),
    (attribute_keys_of_another_drop, "AttributeKeysError"),
    (attribute_keys_for_somebody_else, "AttributeKeysError"),
    (attribute_keys_of_another_signer, "SignatureMissingError"),
    (undeclared_group, "PartUndeclaredError"),
    (undeclared_selection, "PartUndeclaredError"),
    (row_without_pseudonym, "PartUndeclaredError"),
    (extra_column, "TableInvalidError"),
    (byte_too_many, "TableInvalidError"),
    (byte_too_few, "TableInvalidError"),
    (row_too_many, "TableInvalidError"),
    (columns_in_another_order, "PartUndeclaredError"),
    (parquet, "TableInvalidError"),
    (former_version, "FormerVersionError"),
    (oversized_part, "PartAlteredError"),
    (renamed, "DropNameError"),
]


def refusals(world: World) -> list[dict[str, Any]]:
    return [entry.attributes for entry in world.project.entries() if refused_for(entry)]


@pytest.mark.parametrize(("spoil", "reason"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_bad_drop_is_refused_logged_and_quarantined_and_the_others_stay(
    world: World, spoil: Callable[[World], None], reason: str
) -> None:
    spoil(world)
    others = {
        name: sorted(file.name for file in inbox(world, name).iterdir())
        for name in world.partners
        if name != PARTNER
    }
    with raises("DropsIncompleteError") as refused:
        run_steps(world, steps=("gates", "intake"))
    assert PARTNER in refused.value.text("nl")
    assert refused.value.exit_status == 1
    logged = [entry for entry in refusals(world) if entry.get("lsi.partner") == PARTNER]
    assert [entry["exception.type"] for entry in logged] == [reason]
    quarantined = list((world.project.folder / "quarantine" / PARTNER).glob("*/reason.json"))
    told = json.loads(quarantined[0].read_text())
    assert told["reason"] == reason
    assert PARTNER in told["nl"]
    assert ".drop.json" in told["nl"] or ".age" in told["nl"]
    assert len(told["nl"].split(".")[-2]) > 5, "it says what to do"
    assert not list(inbox(world).iterdir()) or spoil is renamed
    assert not received(world, PARTNER)
    assert {name: received(world, name) for name in others} == others
    assert not list(world.project.folder.glob("releases/*/*"))


def test_a_second_run_after_mending_gives_the_expected_cases(world: World, expected: set[Case]) -> None:
    opening = world.project.opening(ROUND)[1]
    part_altered(world)
    with raises("DropsIncompleteError"):
        run_steps(world, steps=("gates", "intake"))
    world.prepare(PARTNER, opening)
    run_steps(world)
    assert world.found_cases(ROUND) == expected


def test_the_same_drop_twice_under_another_name_counts_once(world: World, expected: set[Case]) -> None:
    for file in list(inbox(world).iterdir()):
        shutil.copy(file, inbox(world) / file.name.replace(ROUND, ROUND + "-again"))
    run_steps(world)
    assert [entry["exception.type"] for entry in refusals(world)] == ["DropNameError"]
    assert world.found_cases(ROUND) == expected


def test_a_second_drop_of_one_partner_is_refused_and_the_first_counts(
    world: World, expected: set[Case]
) -> None:
    world.prepare(PARTNER, world.project.opening(ROUND)[1])
    run_steps(world)
    assert [entry["exception.type"] for entry in refusals(world)] == ["DropDuplicateError"]
    assert world.found_cases(ROUND) == expected


def test_drops_of_two_partners_swapped_are_both_refused(world: World) -> None:
    ours, theirs = inbox(world), inbox(world, "svb")
    aside = world.folder / "aside"
    ours.rename(aside)
    theirs.rename(ours)
    aside.rename(theirs)
    with raises("DropsIncompleteError"):
        run_steps(world, steps=("gates", "intake"))
    assert {entry.get("lsi.partner") for entry in refusals(world)} >= {"uwv", "svb"}


def test_a_partner_outside_the_manifest_is_refused_and_the_round_goes_on(
    world: World, expected: set[Case]
) -> None:
    stranger = world.project.folder / "inbox" / "vreemd"
    shutil.copytree(inbox(world), stranger)
    run_steps(world)
    assert [entry["exception.type"] for entry in refusals(world)] == ["PartnerNotInManifestError"]
    assert "vreemd" not in json.dumps(refusals(world)), (
        "a name that somebody typed is not written down for good"
    )
    reason = json.loads(
        next((world.project.folder / "quarantine" / "vreemd").glob("*/reason.json")).read_text()
    )
    assert "vreemd" in reason["nl"]
    assert ".drop.json" in reason["nl"]
    assert world.found_cases(ROUND) == expected


def test_a_drop_of_an_earlier_round_cannot_be_replayed(world: World, expected: set[Case]) -> None:
    kept = world.folder / "kept"
    shutil.copytree(inbox(world), kept)
    run_steps(world)
    assert world.found_cases(ROUND) == expected
    deliver(world, "r2")
    for file in inbox(world).iterdir():
        file.unlink()
    for file in kept.iterdir():
        shutil.copy(file, inbox(world))
    with raises("DropsIncompleteError"):
        run_steps(world, "r2", ("gates", "intake"))
    assert refusals(world)[0]["exception.type"] == "OtherRoundError"


def test_after_the_round_no_copy_of_a_drop_opens_any_more(world: World) -> None:
    copy = world.folder / "copy.age"
    shutil.copy(part_file(world), copy)
    run_steps(world)
    assert not (world.project.round_folder(ROUND) / "round.key").exists()
    left = [p for p in world.folder.rglob("*") if p.is_file() and b"AGE-SECRET-KEY" in p.read_bytes()]
    identities = [p for p in left if p.name == "encryption.age"]
    assert left == identities, "no round key is left anywhere"
    for home in identities:
        with pytest.raises(Exception, match="cannot be opened"):
            unseal(copy.read_bytes(), home.read_text().strip(), what="copy", party=PARTNER)


def test_another_project_key_is_noticed_at_the_partner_itself(world: World) -> None:
    other = ProjectKey.make("samenloop", 1)
    maker = world.home(world.partners[0]).identity()
    share = make_key_share(other, maker, PARTNER, world.cards()[PARTNER]["encryption_key"])
    (world.home(PARTNER).project("samenloop") / "key-share.json").write_bytes(share)
    with pytest.raises(Exception, match="project key is another"):
        world.prepare(PARTNER, world.project.opening(ROUND)[1])
