"""Prefect calls nobody and keeps nothing, in a run and in the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsi_match.flows.settings import environment


def test_no_telemetry_no_interface_no_results_and_nothing_of_the_callers_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "true")
    monkeypatch.setenv("VAULT_TOKEN", "secret")
    found = environment(tmp_path)
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert found["PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED"] == "false"
    assert found["DO_NOT_TRACK"] == "1"
    assert found["PREFECT_SERVER_UI_ENABLED"] == "false"
    assert found["PREFECT_RESULTS_PERSIST_BY_DEFAULT"] == "false"
    assert found["PREFECT_TASKS_DISABLE_CACHING"] == "true"
    assert "elsewhere.example" not in found.values()
    assert "VAULT_TOKEN" not in found
