"""How Prefect is run here: embedded, silent, keeping nothing but states.

Prefect keeps flow parameters, run names, state messages and exception texts in plain text. So parameters are
names, caching and result persistence are off, and errors that leave a task carry no values (`lsi_match.flows.match`).
"""

from __future__ import annotations

import os
from pathlib import Path


def environment(site: Path) -> dict[str, str]:
    """The environment of a process that runs a flow for `site`: this process's, with Prefect told what it may do,
    and without the token of a vault, which a run has no use for."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VAULT_"))},
        "PREFECT_HOME": str(site / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        # A first start makes the database: 11 to 19 seconds on two cores, two minutes when they are busy with else.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # A worker elsewhere has no need of the API, and does not look for it.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_TASKS_DISABLE_CACHING": "true",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }


def service_environment(home: Path) -> dict[str, str]:
    """The environment of the service: server, worker and the flows that it starts. What is secret stands in
    `home`/profiles.toml."""
    settings = environment(home)
    return {
        **settings,
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "true",
        # A machine that is busy is no reason to give up.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
        # What Prefect remembers of runs has a term as well: 90 days.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    }
