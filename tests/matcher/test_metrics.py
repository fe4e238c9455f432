"""Metrics by the rules of Prometheus; alert rules and dashboard ask for what there is; events have a form of their own."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from operation import MONDAY, PARTNERS, ROOT, ROUND, Operation, days
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from lsi_match.matcher.operate import events_file
from lsi_match.matcher.operate import metrics as module
from lsi_match.matcher.operate.metrics import metrics

pytestmark = pytest.mark.slow
RULES = ROOT / "deploy" / "prometheus" / "lsi_match.rules.yml"
DASHBOARD = ROOT / "deploy" / "prometheus" / "lsi_match.dashboard.json"
#: Name of a sample → its labels, as the module declares and sets them; counters end in _total.
KNOWN = {
    f"lsi_match_{name}" + ("_total" if kind is module.CounterMetricFamily else "")
    for kind, name, _ in (
        value for value in vars(module).values() if isinstance(value, tuple) and len(value) == 3
    )
}


def families(operation: Operation) -> dict[str, Any]:
    text = metrics(operation.world.site, operation.clock()).decode()
    return {one.name: one for one in text_string_to_metric_families(text)}


def test_names_say_what_they_are_and_times_are_no_ages(operation: Operation) -> None:
    for partner in PARTNERS:
        operation.deliver(partner, ROUND)
    operation.reconcile()
    found = families(operation)
    now = operation.clock().timestamp()
    for name, family in found.items():
        for sample in family.samples:
            assert (sample.name.endswith("_total")) == (family.type == "counter"), name
            assert "age" not in name.split("_")
            if name.endswith("timestamp_seconds"):
                assert abs(sample.value - now) < 100 * 366 * 86400, sample
                assert sample.value > 1.5e9, f"{sample}: a time, not an age"
    assert found["lsi_match_build_info"].samples[0].labels["version"]
    assert found["lsi_match_last_run_duration_seconds"].samples[0].value >= 0
    first, later = (
        [
            line
            for line in metrics(operation.world.site, operation.clock() + wait).splitlines()
            if not line.startswith(b"lsi_match_disk_free_bytes ")  # other programs write on this disk too
        ]
        for wait in (timedelta(0), timedelta(minutes=1))
    )
    assert first == later, "what did not change is told the same a minute later"


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_rules_and_dashboard_ask_for_what_there_is(file: Path) -> None:
    asked = set(re.findall(r"\blsi_match_[a-z0-9_]+", file.read_text())) - {"lsi_match_"}
    assert asked
    assert asked <= KNOWN, asked - KNOWN
    if file == RULES:
        for rule in YAML(typ="safe").load(file.read_text())["groups"][0]["rules"]:
            labels = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule)))
            assert labels <= {"project", "name", "what", "who", "partner", "of"}, rule["alert"]
            assert rule["labels"]["severity"] in ("info", "warning", "critical")
    else:
        board = json.loads(file.read_text())
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_event_has_its_form_and_a_level(operation: Operation) -> None:
    schema = json.loads((ROOT / "schemas" / "site-event.schema.json").read_text())
    operation.deliver("uwv", ROUND)
    operation.reconcile(kill_after="intake")
    operation.clock.to(MONDAY + days(370))  # the trust root has ended: openings are refused
    operation.reconcile()
    lines = [
        json.loads(line) for line in (operation.world.site.folder / events_file.FILE).read_text().splitlines()
    ]
    for line in lines:
        jsonschema.validate(line, schema)
    assert {line["level"] for line in lines} >= {"info", "warning"}
    refused = [line for line in lines if line.get("outcome") == "RootExpiredError"]
    assert {line["level"] for line in refused} == {"warning"}


def test_a_site_that_does_nothing_has_a_heartbeat_an_hour(operation: Operation) -> None:
    file = operation.world.site.folder / events_file.FILE
    for minutes in range(10, 190, 10):
        operation.clock.to(MONDAY + timedelta(minutes=minutes))
        operation.reconcile()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    beats = [line["at"] for line in lines if line["event"] == "heartbeat"]
    assert len(beats) == 3


def test_a_group_that_may_read_them_goes_on_to(operation: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    from lsi_match.base.files import write_whole

    site = operation.world.site.folder
    file, prom = site / events_file.FILE, site / "metrics.prom"
    write_whole(prom, b"a", replace=True, same_readers=True)
    assert prom.stat().st_mode & 0o777 == 0o600
    for one in (file, prom):
        one.chmod(0o640)
    write_whole(prom, b"b", replace=True, same_readers=True)
    monkeypatch.setattr(events_file, "LARGEST", 1)
    events_file.append(site, "-", [{"event": "heartbeat"}], operation.clock())
    assert (site / "events.1.jsonl").stat().st_size > 0
    assert (file.stat().st_mode & 0o777, prom.stat().st_mode & 0o777) == (0o640, 0o640)
    write_whole(site / "other", b"x")
    (site / "other").chmod(0o644)
    write_whole(site / "other", b"y", replace=True, same_readers=True)
    assert (site / "other").stat().st_mode & 0o777 == 0o640, "a group, never everybody"
