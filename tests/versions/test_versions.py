"""What earlier versions wrote is opened by this one: sites, homes, places, drops, releases, logs; or told as theirs."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml_out
from operation import MONDAY, PARTNERS, PROJECT, ROUND, Clock, Operation, days, folders
from refusals import raises

from lsi_match.agreement.approvals import (
    ManifestAlteredError,
    load_manifest,
)
from lsi_match.base.canonical import canonical_json
from lsi_match.base.version import VERSION
from lsi_match.cli import main
from lsi_match.crypto.keys import make_identity
from lsi_match.crypto.signing import (
    SignedDocumentInvalidError,
    peek,
    sign,
)
from lsi_match.demo.world import World
from lsi_match.log.entry import FOREIGN_PROCESSOR, FOREIGN_SPAN, PROCESSING_ACTIVITY, LogEntry
from lsi_match.log.export import standard_entry
from lsi_match.log.policy import log_keys
from lsi_match.log.store import Log
from lsi_match.log.verify import verify_log
from lsi_match.manifest.whole import PRESENT
from lsi_match.matcher.operate.alarms import alarms
from lsi_match.matcher.operate.health import status
from lsi_match.matcher.operate.upgrade import UpgradeRefusedError, check, upgrade
from lsi_match.partner.release.open import open_release
from lsi_match.protocol.documents import DropDescriptor, Opening

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parent
VERSIONS = sorted(file.name.removesuffix(".tar.xz") for file in FOLDER.glob("*.tar.xz"))
SECOND = "2026-06-15"


def unpacked(version: str, to: Path) -> Operation:
    """What a version wrote, with its places where they lie now."""
    with tarfile.open(FOLDER / f"{version}.tar.xz") as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian's Python 3.11.2 has none
        tar.extractall(to)
    (folder,) = to.iterdir()
    made = object.__new__(Operation)
    made.folder, made.partners, made.places = folder, PARTNERS, folders(folder, PARTNERS)
    made.clock = Clock(MONDAY + days(7) + timedelta(hours=1))
    made.world = World(folder / "world", folder / "config", folder / "extracts", made.clock)
    places = {name: json.loads(one.model_dump_json(exclude_none=True)) for name, one in made.places.items()}
    yaml_out.write(made.project.folder / "delivery.yaml", {"partners": places})
    return made


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Operation:
    return unpacked(request.param, tmp_path / "old")


def test_its_site_and_its_log_are_read_and_verify(old: Operation) -> None:
    assert old.state(ROUND) == "destroyed"
    assert verify_log(old.project.log_file, log_keys(old.project.manifest())).ok
    assert not {"log", "manifest", "unknown"} & {one.name for one in alarms(old.project, old.clock())}
    assert [one.state for one in status(old.project, old.clock()).rounds] == ["destroyed", "open"]
    for partner in PARTNERS:  # homes
        home = old.world.home(partner)
        assert home.agreed_manifest(PROJECT, old.clock()).digest == old.project.manifest().digest
        assert verify_log(
            next((old.folder / "mail" / partner).glob("*.log.sqlite")), log_keys(old.project.manifest())
        ).ok


def test_its_entries_are_told_as_the_standard_has_them_and_stay_as_they_are(old: Operation) -> None:
    entries = old.project.entries()
    told = [standard_entry(entry) for entry in entries]
    names = {name for one in told for name in one["attributes"]}
    assert {name for name in names if name.startswith("dpl.")} == {PROCESSING_ACTIVITY, FOREIGN_PROCESSOR}
    older = old.project.manifest().format != PRESENT
    assert any(FOREIGN_SPAN in entry.attributes for entry in entries) == older
    assert all(LogEntry.from_leaf(entry.leaf()) == entry for entry in entries)


def test_what_of_it_is_not_read_is_told_as_of_that_version(old: Operation) -> None:
    if old.project.manifest().format == PRESENT:
        return
    (first, *_) = [one for one in alarms(old.project, old.clock()) if one.name == "opening"]
    assert "earlier version" in first.en
    release = old.folder / "mail" / "uwv" / f"{PROJECT}.{ROUND}.uwv.release.json"
    old.world.home("uwv")
    with raises("OtherVersionError") as told:
        open_release(old.world.home("uwv"), release, PROJECT, old.clock())
    assert "andere versie" in told.value.text("nl")
    for file in old.project.folder.glob("received/*/*.drop.json"):
        assert peek(file.read_bytes(), DropDescriptor, what="drop", party="uwv").program is None


def test_it_is_upgraded_between_two_rounds_and_goes_on(
    old: Operation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Check says what there is to know, upgrade does it, and with a manifest of this version rounds go on."""
    monkeypatch.setattr("lsi_match.cli.site.utc_now", old.clock)
    site = str(old.world.site.folder)
    lacking = ("log key", "matcher, gemeente, svb, uwv")
    older = old.project.manifest().format != PRESENT
    assert main.run(["site", "upgrade", site, "--check", "--json"]) == older
    found = {(one["what"], one["name"]) for one in json.loads(capsys.readouterr().out)["found"]}
    assert lacking in found
    if older:
        assert found >= {("manifest", old.project.manifest().format), ("round", SECOND), ("release", ROUND)}
        before = old.project.log_file.read_bytes()
        with pytest.raises(UpgradeRefusedError):
            upgrade(old.world.site, old.clock)
        assert old.project.log_file.read_bytes() == before
    assert main.run(["site", "upgrade", site, "--end-rounds"]) == 0
    assert json.loads((old.world.site.folder / "version.json").read_text())["program"] == VERSION
    assert not [one for one in check(old.world.site, old.clock()) if one.first]
    assert old.state(SECOND) == ("abandoned" if older else "open")
    if not older:  # it goes on
        old.deliver("uwv", SECOND)
    assert not old.reconcile().failed
    assert old.state(SECOND) == ("abandoned" if older else "destroyed")
    # The same draft, of this version.
    old.world.draft["format"] = PRESENT
    old.name_log_keys()
    assert check(old.world.site, old.clock()) == [] or older
    assert lacking not in {(one.what, one.name) for one in check(old.world.site, old.clock())}
    old.clock.to(MONDAY + days(14))
    assert not old.reconcile().failed
    for partner in PARTNERS:
        old.fetch(partner)
        old.send(partner, old.prepare(partner, "2026-06-22"))
    assert not old.reconcile().failed
    assert old.state("2026-06-22") == "destroyed"
    assert old.cases("uwv", "2026-06-22") == 4
    assert verify_log(old.project.log_file, log_keys(old.project.manifest())).ok
    last = old.project.entries()[-1]
    assert last.resource["service.version"] == VERSION
    assert status(old.project, old.clock()).programs == dict.fromkeys(("matcher", *PARTNERS), VERSION)


def test_what_a_later_version_made_is_told_as_of_that_version(operation: Operation, tmp_path: Path) -> None:
    manifest = json.loads(operation.project.manifest().canonical())
    later: dict[str, Callable[[dict[str, Any]], object]] = {
        "another format": lambda one: one.update(format="lsi-match/manifest/v9"),
        "the same format with more": lambda one: one.update(horizon={"years": 5}),
        "the same format with less": lambda one: one.pop("retention"),
    }
    for what, change in later.items():
        changed = json.loads(json.dumps(manifest))
        change(changed)
        with raises("ManifestOtherVersionError") as told:
            load_manifest(canonical_json(changed))
        assert "andere versie" in told.value.text("nl"), what
        with pytest.raises(ManifestAlteredError) as altered:  # not whole: somebody wrote in it
            load_manifest(canonical_json(changed).replace(b'"', b' "', 1))
        assert altered.type is ManifestAlteredError
    identity = make_identity("matcher", tmp_path / "keys")
    opening, _ = operation.project.opening(ROUND)
    whole = json.loads(opening.model_dump_json())

    class Later(Opening):
        format: Any = "lsi-match/opening/v1"

    later_one = sign(Later.model_validate(whole | {"format": "lsi-match/opening/v9"}), identity)
    with raises("SignedOtherVersionError") as signed:
        peek(later_one, Opening, what="opening", party="matcher")
    assert "lsi-match/opening/v9" in signed.value.text("en")
    with pytest.raises(SignedDocumentInvalidError) as invalid:
        peek(later_one.replace(b'"payload":"', b'"payload":"e30', 1), Opening, what="opening", party="x")
    assert invalid.type is SignedDocumentInvalidError
    file = tmp_path / "later.log.sqlite"
    with Log.open(operation.project.log_file) as log:
        log.copy_without_details(file)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 2")
    with raises("LogVersionError"):
        Log.open(file)


def test_a_site_that_a_newer_version_upgraded_says_so(operation: Operation) -> None:
    site = operation.world.site
    upgrade(site, operation.clock)
    assert check(site, operation.clock()) == []
    (site.folder / "version.json").write_text(json.dumps({"program": "99.1.0"}))
    (found,) = check(site, operation.clock())
    assert (found.what, found.first) == ("older program", True)
    with pytest.raises(UpgradeRefusedError):
        upgrade(site, operation.clock)


def test_different_versions_of_partners_show_in_status(
    operation: Operation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.partner.prepare.VERSION", "0.3.1")
    operation.deliver("uwv", ROUND)
    monkeypatch.undo()
    operation.deliver("svb", ROUND)
    operation.reconcile()
    monkeypatch.setattr("lsi_match.cli.match.utc_now", operation.clock)
    monkeypatch.setattr("lsi_match.base.clock.utc_now", operation.clock)
    assert status(operation.project, operation.clock()).programs == {
        "matcher": VERSION, "svb": VERSION, "uwv": "0.3.1"
    }  # fmt: skip
    assert main.run(["match", "status", str(operation.world.site.folder)]) == 0
    assert "Verschillende versies" in capsys.readouterr().out
