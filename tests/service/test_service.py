"""The service on one machine: a round opens by its cron, a run follows its drops, nothing of a person stays with Prefect."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import handmade
import pytest
from operation import ROOT, Clock, Operation, folders
from servers import free_port

from flows.service import deployments
from lsi_match.matcher.site import utc_now

pytestmark = pytest.mark.slow

PARTNERS = ("gemeente", "svb", "uwv")


def made(folder: Path, opens: str) -> Operation:
    schedule = {"opens": opens, "timezone": "UTC", "deadline_days": 5, "when_late": "proceed"}
    return Operation(folder, PARTNERS, folders(folder, PARTNERS), clock=Clock(utc_now()), schedule=schedule)


def within(seconds: float, holds: object) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if holds():  # type: ignore[operator]
            return True
        time.sleep(1)
    return False


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Operation, str, int]]:
    """A served site whose round opens at the next minute but one; the name of that round, and the port."""
    fires = utc_now() + timedelta(seconds=75)
    operation, port = made(tmp_path, f"{fires.minute} {fires.hour} * * *"), free_port()
    site = operation.world.site.folder
    served = subprocess.Popen(
        [sys.executable, "-m", "flows.service", "--site", str(site), "--port", str(port)],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
    )  # fmt: skip
    try:
        assert served.stdout is not None
        assert "rounds-proef" in served.stdout.readline()
        yield operation, fires.date().isoformat(), port
    finally:
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=90) == 0
    left = subprocess.run(["pgrep", "-f", f"prefect.*{port}"], capture_output=True, text=True)
    assert left.stdout == ""


def test_a_scheduled_round_opens_by_its_cron_and_nothing_of_it_stays_with_prefect(
    service: tuple[Operation, str, int],
) -> None:
    operation, round_id, port = service
    with pytest.raises(HTTPError) as refused:
        urlopen(f"http://127.0.0.1:{port}/api/version", timeout=10)
    assert refused.value.code == 401
    assert within(600, lambda: operation.state(round_id) == "open")
    secret = (operation.project.round_folder(round_id) / "round.key").read_bytes().strip()
    for file in (operation.world.site.folder / "serve").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name
        data = file.read_bytes()
        assert secret not in data
        assert not any(bsn.encode() in data for bsn in handmade.BSNS)


def test_the_deployments_follow_the_manifests(tmp_path: Path) -> None:
    operation = made(tmp_path, "0 6 1 * *")
    whole = deployments(operation.world.site.folder)
    named = {one["name"]: one for one in whole["deployments"]}
    assert named["rounds-proef"]["schedules"] == [{"cron": "0 6 1 * *", "timezone": "UTC"}]
    for one in named.values():
        assert one["parameters"] == {"site": str(operation.world.site.folder.resolve())}
        assert one["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
