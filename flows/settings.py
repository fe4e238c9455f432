"""How Prefect is run here: embedded, silent, keeping nothing but states.

Prefect keeps flow parameters, run names, state messages and exception texts in plain text. So parameters are
names, caching and result persistence are off, and errors that leave a task carry no values (`lsi_match.flows.match`).
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import signal
from pathlib import Path


def private_process() -> None:
    """From now on: no core dumps, files for their owner only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def end_with_parent() -> None:
    """In a process that starts: end when its parent does, however that ends (prctl(2), PR_SET_PDEATHSIG). At once: a run of
    Prefect that may still say something says it to a server that has ended as well."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def access(url: str, auth: str) -> dict[str, str]:
    """The settings of a client of the server at `url`, which asks `user:password`: over HTTP, and over websockets."""
    shown = json.dumps({"Authorization": header(auth)})
    return {
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_CLIENT_CUSTOM_HEADERS": shown,
    }


def header(auth: str) -> str:
    """The header `Authorization` of `user:password`."""
    return f"Basic {base64.b64encode(auth.encode()).decode()}"


def environment(home: Path) -> dict[str, str]:
    """The environment of processes whose Prefect keeps its things in `home`: this process's, with Prefect told what it
    may do, and without the token of a vault, which a run has no use for. Nothing in it is secret."""
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
        # Its server keeps what it is told and does nothing of itself: no schedules, no automations that call somebody.
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        # What it remembers has a term as well: 90 days.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        # A machine that is busy is no reason to give up.
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "30",
        "DO_NOT_TRACK": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        # A worker elsewhere has no need of the API, and does not look for it.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        "PREFECT_TASKS_DISABLE_CACHING": "true",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
