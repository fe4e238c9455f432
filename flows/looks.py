"""The flow `look`: what one look at a project did, shown afterwards. A look that found nothing to do is no flow.

The look itself needs no Prefect (`lsi_match.matcher.operate.reconcile`); the service forks it. What is shown are names,
counts and words, as in `SITE/events.jsonl`.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed


@flow(
    name="look",
    description="What a look at one project did: drops taken in; rounds opened, reminded of, run and ended; what was destroyed.",
    flow_run_name="look at {project}",
    persist_result=False,
    log_prints=False,
)
def look(project: str, done: str, failed: bool) -> State[Any]:
    """Was done already."""
    return (Failed if failed else Completed)(message=done)


def show(told: dict[str, Any]) -> None:
    """Show a look: the name of its project, what it did in words, and whether something needs an operator."""
    look(told["project"], told["done"], told["failed"], return_state=True)
