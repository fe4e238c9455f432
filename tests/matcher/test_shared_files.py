"""What parties bring for all the others is passed on as it came, under their own name, and no more than one may bring."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from refusals import raises

from lsi_match.matcher.operate import shared_files
from lsi_match.matcher.operate.reconcile import reconcile_begun
from lsi_match.matcher.operate.shared_files import MOST_BYTES, take
from lsi_match.matcher.site.site import Project, Site
from lsi_match.protocol.place_files import SHARED, shared_by, shared_name
from lsi_match.transport.endpoints import EndpointSettings, open_endpoint, set_up

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    site = Site.make(tmp_path / "site")
    places = {name: {"url": str(tmp_path / name)} for name in ("uwv", "svb")}
    file = site.folder / "projects" / "proef" / "delivery.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"partners": places}))
    for one in places.values():
        set_up(EndpointSettings(**one))
    return Project(site, "proef")


@pytest.mark.parametrize("name", [
    "proef.svb.card.json", "proef.matcher.card.json", "other.uwv.card.json", "proef.uwv.card.json.exe", "proef.uwv.a.b.card.json",
    "proef.uwv..card.json", "proef.UWV.card.json", ".proef.uwv.card.json", "proef.uwv.log.sqlite", "proef.uwv.opening.json", "../x.card.json",
    f"proef.uwv.{'x' * 61}.card.json",
])  # fmt: skip
def test_a_name_that_is_not_its_own_is_refused(project: Project, name: str) -> None:
    with raises("SharedRefusedError"):
        take(project, "uwv", name, b"{}", NOW)
    assert not shared_files.lying(project)


@pytest.mark.parametrize("suffix", list(SHARED))
def test_every_kind_has_a_name_that_says_whose_it_is(suffix: str) -> None:
    for what in ("", "v1", "approval-0123456789abcdef"):
        assert shared_by("proef", shared_name("proef", "uwv", what, suffix)) == "uwv"


def test_no_more_than_one_may_bring(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_files, "MOST", 3)
    for number in range(3):
        take(project, "uwv", f"proef.uwv.{number}.card.json", b"{}", NOW)
    with raises("SharedRefusedError"):
        take(project, "uwv", "proef.uwv.3.card.json", b"{}", NOW)
    take(project, "uwv", "proef.uwv.1.card.json", b'{"a": 1}', NOW)  # in the place of the earlier one
    take(project, "svb", "proef.svb.card.json", b"{}", NOW)
    with raises("SharedRefusedError"):
        take(project, "svb", "proef.svb.x.card.json", b"x" * (SHARED[".card.json"] + 1), NOW)
    monkeypatch.setattr(shared_files, "MOST_BYTES", 10)
    with raises("SharedRefusedError"):
        take(project, "svb", "proef.svb.y.card.json", b"x" * 11, NOW)
    assert MOST_BYTES <= 2**24


def test_before_there_is_a_manifest_everybody_gets_what_everybody_brought(
    project: Project, tmp_path: Path
) -> None:
    files = {"uwv": ("proef.uwv.draft.yaml", b"project: x\n"), "svb": ("proef.svb.card.json", b"{}")}
    for name, (file, data) in files.items():
        with open_endpoint(EndpointSettings(url=str(tmp_path / name))) as there:
            there.give("in", file, data)
            there.give("in", "proef.2026.svb.0000000000000000.drop.json", b"{}")  # no round takes drops yet
    assert not reconcile_begun(project, NOW).troubles
    for name in files:
        with open_endpoint(EndpointSettings(url=str(tmp_path / name))) as there:
            assert set(there.listing("out")) == {
                "proef.uwv.draft.yaml",
                "proef.svb.card.json",
                "proef.matcher.card.json",
            }
            assert [one for one in there.listing("in") if "drop" not in one] == []
    assert [one.id for one in project.site.begun()] == ["proef"]
    assert project.site.projects() == []
