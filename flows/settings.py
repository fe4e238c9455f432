"""How Prefect is run here: embedded, silent, keeping nothing but states.

Prefect keeps flow parameters, run names, state messages and exception texts in plain text. So parameters are
names, caching and result persistence are off, and errors that leave a task carry no values (`lsi_match.flows.match`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path


def private_process() -> None:
    """From now on: no core dumps, files for their owner only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def end_with_parent() -> None:
    """In a process that starts: end when its parent does, however that ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def environment(home: Path) -> dict[str, str]:
    """The environment of processes whose Prefect keeps its things in `home`: this process's, with Prefect told what it
    may do, and without the token of a vault, which a run has no use for."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "VAULT_"))},
        # Loading these libraries starts no thread, so that a process that loaded them can fork.
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT__SERVER_EPHEMERAL": "1",
        # A first start makes the database: seconds on two cores, two minutes when they are busy with else.
        "PREFECT_API_REQUEST_TIMEOUT": "600",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
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


#: Of the server of a run alone.
_OF_A_RUN = frozenset(
    {"PREFECT__SERVER_EPHEMERAL", "PREFECT_API_REQUEST_TIMEOUT", "PREFECT_API_BLOCKS_REGISTER_ON_START"}
)


def service_environment(home: Path) -> dict[str, str]:
    """The environment of the service: server, worker and the flows that it starts. What is secret stands in
    `home`/profiles.toml."""
    settings = environment(home)
    return {
        **{name: value for name, value in settings.items() if name not in _OF_A_RUN},
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "true",
        # A machine that is busy is no reason to give up.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
        # What Prefect remembers of runs has a term as well: 90 days.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    }
