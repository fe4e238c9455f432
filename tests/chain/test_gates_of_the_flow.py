"""Every gate stops a run: through the real flow, in a process of its own, with nothing opened or released."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from parent_process import used

from lsi_match.agreement.approvals import withdraw
from lsi_match.agreement.gates import Gate
from lsi_match.base.clock import utc_now
from lsi_match.crypto.keys import make_identity
from lsi_match.demo.world import World
from lsi_match.matcher.operate.runner import Runs

from .conftest import ROUND, Town, copy_of

Draft = dict[str, Any]


def signed_anew(change: Callable[[Draft], object], *, ack: bool = True) -> Callable[[World], object]:
    """Everybody signs a changed manifest, and acknowledges its work instruction unless `ack` is false."""

    def closes(world: World) -> None:
        change(world.draft)
        manifest = world.complete(world.project.manifest().pseudonyms.key_check)
        papers = world.approve(manifest)
        if not ack:
            papers = {name: paper for name, paper in papers.items() if "." not in name}
        world.site.accept(manifest.canonical(), papers, utc_now())

    return closes


def withdrawn(world: World) -> None:
    paper = withdraw(world.project.manifest(), world.home("svb").identity(), "Het kan niet meer.", utc_now())
    world.project.ingest({"svb": paper}, utc_now())


def other_key(world: World) -> None:
    shutil.rmtree(world.home("svb").folder / "keys")
    make_identity("svb", world.home("svb").folder / "keys")
    world.renew_trust([name for name in world.controllers if name != "svb"])


def without_key(world: World) -> None:
    (world.project.round_folder(ROUND) / "round.key").unlink()


def ground(draft: Draft) -> None:
    """A criterion looks at age; no FG was asked about it."""
    draft["characteristics"]["leeftijd"]["legal_basis"] = "Artikel 1 van een wet"
    first = draft["partners"]["uwv"]["selections"][0]
    first["criteria"].append(
        {"id": "oud", "when": "geboortedatum < DATE '1960-01-01'", "rationale": "De regeling geldt dan."}
    )


def altered(world: World) -> None:
    """A manifest of this site that breaks a rule of manifests."""
    file = world.project.folder / "manifest.json"
    file.write_bytes(file.read_bytes().replace(b'"smallest_cell":10', b'"smallest_cell":1'))


CLOSED: dict[Gate, tuple[str, Callable[[World], object], str]] = {
    Gate.MANIFEST: ("samenloop", altered, "ManifestAlteredError"),
    Gate.APPROVAL: ("samenloop", withdrawn, "ApprovalWithdrawnError"),
    Gate.INSTRUCTION: ("samenloop", signed_anew(lambda _: None, ack=False), "InstructionGateError"),
    Gate.PLAN: ("samenloop", signed_anew(lambda d: d["basis"].update(purpose=f"TODO {d['basis']['purpose']}")), "PlanGateError"),
    Gate.PERIOD: ("samenloop", signed_anew(lambda d: d["project"].update(period={"first": "2020-01-01", "last": "2020-12-31"})), "PeriodGateError"),
    Gate.DPIA: ("samenloop", signed_anew(lambda d: d["dpia"].update(date="2098-01-01")), "DpiaGateError"),
    Gate.DPO_ADVICE: ("samenloop", signed_anew(lambda d: d["dpo_advice"].pop("svb")), "DpoAdviceGateError"),
    Gate.EQUAL_TREATMENT: ("samenloop", signed_anew(ground), "EqualTreatmentGateError"),
    Gate.NEIGHBOURHOOD: ("wijk", signed_anew(lambda d: d["monitor"].update(dimensions=[])), "NeighbourhoodGateError"),
    Gate.BOUNDS: ("samenloop", signed_anew(lambda d: d["release"].update(keep_days=2000)), "TermsGateError"),
    Gate.RELEASE: ("samenloop", signed_anew(lambda d: d["release"]["to"]["belastingdienst"].pop("attributes_of")), "UnseenGateError"),
    Gate.PARTIES: ("samenloop", other_key, "PartyKeyDiffersError"),
    Gate.ROUND: ("samenloop", without_key, "RoundGateError"),
}  # fmt: skip

Outcomes = dict[Gate, tuple[World, dict[str, Any]]]


@pytest.fixture(scope="module", params=["before Prefect is loaded", "in the flow"])
def outcomes(
    made: Town, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Outcomes:
    worlds, place = {}, tmp_path_factory.mktemp("prefect")
    for gate, (config, close, _) in CLOSED.items():
        worlds[gate] = copy_of(made.worlds[config], tmp_path_factory.mktemp(gate.name.lower()))
        worlds[gate].draft["project"]["period"] = {"first": "2020-01-01", "last": "2099-12-31"}
        close(worlds[gate])
    in_flow = request.param == "in the flow"
    with pytest.MonkeyPatch.context() as patch, Runs(place) as runs:
        if in_flow:
            used(patch, LOOK="no")
        said = {gate: runs.run(one.site.folder, one.project_id, ROUND) for gate, one in worlds.items()}
    flows_in_prefect = 0
    if (place / "prefect.db").exists():
        with closing(sqlite3.connect(place / "prefect.db")) as database:
            (flows_in_prefect,) = database.execute("SELECT count(*) FROM flow_run").fetchone()
    # An altered manifest is found when the run is made, before its flow.
    assert flows_in_prefect == (len(CLOSED) - 1 if in_flow else 0)
    return {gate: (worlds[gate], said[gate]) for gate in worlds}


@pytest.mark.parametrize("gate", list(Gate), ids=lambda gate: gate.name.lower())
def test_a_gate_that_does_not_hold_stops_the_flow(gate: Gate, outcomes: Outcomes) -> None:
    world, outcome = outcomes[gate]
    reason = CLOSED[gate][2]
    assert (outcome["state"], outcome["reason"]) == ("refused", reason)
    last = world.project.entries()[-1]
    if gate is Gate.MANIFEST:  # without a manifest there is nothing to log under
        assert last.name == "open round"
        assert not list(world.project.folder.glob("releases/*/*"))
        return
    assert (last.name, last.status, last.attributes["exception.type"]) == ("gates", "Unset", reason)
    assert not list(world.project.folder.glob("releases/*/*"))
    assert list(world.project.folder.glob("inbox/*/*.drop.json"))
