"""A drop tells nothing by its order, by its size beyond the row count, or by comparing it with another."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from lsi_match.base.canonical import digest_of_bytes
from lsi_match.base.clock import utc_now
from lsi_match.crypto.project_key import ProjectKey
from lsi_match.crypto.sealing import SealBrokenError, unseal
from lsi_match.demo.world import World
from lsi_match.matcher.engine.intake import Round, receive
from lsi_match.partner.home import Home
from lsi_match.partner.references import resolve
from lsi_match.protocol.columns import drop_columns, row_width

from .conftest import ROUND, deliver, run_steps


def opened(world: World, partner: str, round_id: str = ROUND) -> pa.Table:
    """The rows of a drop, as the matcher sees them."""
    opening, data = world.project.opening(round_id)
    secret = (world.project.round_folder(round_id) / "round.key").read_text()
    file = next((world.project.folder / "inbox" / partner).glob(f"*.{round_id}.*.drop.json"))
    drop = receive(
        file, partner, Round(world.project.manifest(), opening, digest_of_bytes(data), secret), utc_now()
    )
    return pa.concat_tables(drop.part(number) for number in range(len(drop.descriptor.parts)))


def first_pseudonyms(table: pa.Table) -> list[bytes]:
    rows = zip(table.column("bsn").to_pylist(), table.column("v_number").to_pylist(), strict=True)
    return [bsn or v_number for bsn, v_number in rows]


@pytest.mark.parametrize("partner", ["uwv", "gemeente", "ind", "belastingdienst"])
def test_rows_stand_in_pseudonym_order(world: World, partner: str) -> None:
    heads = [pseudonym[:8] for pseudonym in first_pseudonyms(opened(world, partner))]
    assert len(heads) > 50
    assert heads == sorted(heads)


def test_record_ids_stand_in_no_order(world: World) -> None:
    table = opened(world, "uwv")
    keep = _references(world.home("uwv"))
    ids = resolve(table.column("reference").to_pylist(), keep)
    assert len(ids) == len(table)
    assert ids != sorted(ids)


def test_two_rounds_of_the_same_records_share_no_value(world: World) -> None:
    deliver(world, "r2")
    one, two = opened(world, "uwv"), opened(world, "uwv", "r2")
    assert len(one) == len(two)
    for column in ("bsn", "v_number", "reference"):
        left, right = (
            set(one.column(column).to_pylist()) - {None},
            set(two.column(column).to_pylist()) - {None},
        )
        assert left.isdisjoint(right)
    assert set(one.column("bsn").to_pylist()) - {None}


def test_two_projects_over_the_same_records_share_no_value(made: object, world: World) -> None:
    wijk = made.worlds["wijk"]  # type: ignore[attr-defined]
    key = world.home("uwv").project_key(world.project.manifest())
    other = wijk.home("uwv").project_key(wijk.project.manifest())
    same = pl.Series(["999990019"])
    assert key.pseudonyms(same, ROUND, "bsn").to_list() != other.pseudonyms(same, ROUND, "bsn").to_list()
    # and even with one key, another project, epoch, round or kind gives another pseudonym
    made_by = {
        key.pseudonyms(same, ROUND, "bsn").to_list()[0],
        key.pseudonyms(same, "r2", "bsn").to_list()[0],
        key.pseudonyms(same, ROUND, "v_number").to_list()[0],
        type(key)("wijk", key.epoch, key.secret).pseudonyms(same, ROUND, "bsn").to_list()[0],
        type(key)(key.project, key.epoch + 1, key.secret).pseudonyms(same, ROUND, "bsn").to_list()[0],
    }
    assert len(made_by) == 5


def test_the_size_of_a_part_depends_on_its_row_count_only(world: World) -> None:
    """Rows of quite other content (no v-numbers at all, one signal, no attributes) make as many bytes: so many a row."""
    manifest = world.project.manifest()
    columns = drop_columns(manifest, manifest.partners["gemeente"])
    secret = (world.project.round_folder(ROUND) / "round.key").read_text()
    sealed = next((world.project.folder / "inbox" / "gemeente").glob("*.age")).read_bytes()
    plain = unseal(sealed, secret, what="part", party="gemeente")
    rows = len(opened(world, "gemeente"))
    rows = len(opened(world, "gemeente"))
    assert rows > 50
    assert len(plain) == rows * row_width(columns)


def test_a_reference_is_resolved_by_its_own_partner_and_drop_only(world: World) -> None:
    references = opened(world, "uwv").column("reference").to_pylist()
    for partner in ("svb", "gemeente"):
        with pytest.raises(ValueError, match="not made with this key"):
            resolve(references[:50], _references(world.home(partner)))


def _references(home: Home):  # type: ignore[no-untyped-def]
    drop = next(
        Path(home.folder.parent / "site" / "projects" / "samenloop" / "inbox" / home.name).glob("*.drop.json")
    )
    return home.references("samenloop", ROUND, digest_of_bytes(drop.read_bytes()))


def test_pseudonyms_cannot_be_derived_from_what_is_public(world: World) -> None:
    """Somebody with the drop, the manifest and the opening, who knows who is in the register, tries what there is to
    try. The same try with the project key finds them all, so that it is not the test that fails to look."""
    manifest, (opening, data) = world.project.manifest(), world.project.opening(ROUND)
    table = opened(world, "uwv")
    drop = set(first_pseudonyms(table))
    mapping = world.mapping("uwv").selections["uitkering"]
    extract = pl.read_csv(world.extracts / mapping.extract, infer_schema=False)
    known = extract.get_column(mapping.columns["bsn"]).drop_nulls().unique()
    own = world.home("uwv").project_key(manifest)
    guessed = set(own.pseudonyms(known.filter(known.str.len_bytes() == 9), ROUND, "bsn").to_list())
    assert len(guessed & drop) > 0.9 * len(table)

    check, digest = manifest.pseudonyms.key_check, manifest.digest.removeprefix("sha256:")
    public = [
        check,
        digest,
        opening.recipient,
        opening.trace_id,
        manifest.matcher.signing_key,
        manifest.project.id,
        "",
        ROUND,
    ]
    for bsn in known.to_list():
        message = bsn.encode()
        assert hashlib.sha256(message).digest()[:16] not in drop
        assert not any(hmac.digest(text.encode(), message, "sha256")[:16] in drop for text in public)
    for secret in (bytes.fromhex(digest), hashlib.sha256(data).digest(), bytes.fromhex(check * 2)):
        guess = ProjectKey(manifest.project.id, manifest.pseudonyms.epoch, secret)
        assert not set(guess.pseudonyms(known, ROUND, "bsn").to_list()) & drop


def test_once_a_round_is_destroyed_no_copy_of_its_drops_opens(world: World) -> None:
    """Somebody kept a copy of a drop, and later has every key of every party."""
    copies = [file.read_bytes() for file in (world.project.folder / "inbox" / "uwv").glob("*.age")]
    secret = (world.project.round_folder(ROUND) / "round.key").read_text()
    assert all(unseal(copy, secret, what="part", party="uwv") for copy in copies)
    run_steps(world)
    assert not (world.project.round_folder(ROUND) / "round.key").exists()
    files = [file.read_bytes() for file in world.folder.rglob("*") if file.is_file()]
    kept = {key.decode() for data in files for key in re.findall(rb"AGE-SECRET-KEY-1[A-Z0-9]+", data)}
    assert len(kept) >= len(world.partners), "the keys of the parties were found"
    assert secret not in kept
    for copy in copies:
        for key in kept:
            with pytest.raises(SealBrokenError):
                unseal(copy, key, what="part", party="uwv")
