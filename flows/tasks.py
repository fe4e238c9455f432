"""What every task here has in common."""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE

#: Prefect keeps no result, does nothing again by itself, and does not read what is printed.
ONCE: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 0,
    "log_prints": False,
}
