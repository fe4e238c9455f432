"""After a stop of the whole machine: what Prefect still takes for running is not, and keeps nothing else from starting.

`python -m lsi_match.flows.tidy`, when the service starts. Without it the places that deployments have for runs would stay taken by
those that were killed, since what frees them lives in the memory of the server: every look would be cancelled. A run that
does go on, in a process of its own, is kept apart by locks of the kernel and tells its own end in the log.
"""

from __future__ import annotations

import asyncio

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.states import Crashed

_GOING_ON = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]


async def tidy() -> None:
    """Call everything that seems to be running crashed, and give back the places that it held."""
    async with get_client() as client:
        seems = FlowRunFilter.model_validate({"state": {"type": {"any_": _GOING_ON}}})
        while found := await client.read_flow_runs(flow_run_filter=seems, limit=200):
            for one in found:
                await client.set_flow_run_state(
                    one.id, Crashed(message="the service was stopped"), force=True
                )
        for limit in await _limits(client):
            if limit.active_slots:
                await client.update_global_concurrency_limit(
                    limit.name, GlobalConcurrencyLimitUpdate(active_slots=0)
                )


async def _limits(client: PrefectClient) -> list[GlobalConcurrencyLimitResponse]:
    found: list[GlobalConcurrencyLimitResponse] = []
    while more := await client.read_global_concurrency_limits(limit=100, offset=len(found)):
        found += more
    return found


if __name__ == "__main__":
    asyncio.run(tidy())
