"""The flow `match`: gates → intake → match → count → release → destroy.

Each task calls the step of the same name of `lsi_match.matcher.round.run.Run`, which it finds by an id, so that nothing
but that id ever passes through Prefect. A step that was refused leaves its task in the state Failed, with the
text of the refusal; any other error leaves only the name of its kind and the place in our code, since its text
could hold data.

The step `match` has its pieces (of linking, and its buckets) done as tasks, by the task runner that the configuration of the run
names. They are told names and a number, and give back a word (`lsi_match.matcher.round.work`): what a task runner sends elsewhere is no secret.

A run is a process of its own, which `lsi_match.flows.parent` forks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.flows.progress import Progress
from lsi_match.flows.runners import task_runner
from lsi_match.flows.settings import private_process
from lsi_match.flows.steps import refused, take
from lsi_match.flows.tasks import ONCE
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.round.work import Do, do_piece
from lsi_match.matcher.site.site import Site

_runs: dict[str, Run] = {}
_refusals: dict[str, LsiError] = {}
_progress: dict[str, Progress] = {}


def _step(name: str, description: str) -> Callable[[str], State[Any]]:
    @task(
        name=name,
        description=description,
        task_run_name=name,
        **ONCE,
    )
    def step(run_id: str) -> Any:
        # Nothing else of this module: a task runner pickles this function with all that it names.
        return _do_step(run_id, name)

    return lambda run_id: step(run_id, return_state=True)


def _do_step(run_id: str, name: str) -> State[Any]:
    refusal = take(_runs[run_id], name, _progress[run_id])
    if refusal is None:
        return Completed(message=f"{name} done")
    _refusals[run_id] = refusal
    return Failed(name="Held" if isinstance(refusal, RunHeldError) else None, message=str(refusal))


gates = _step("gates", "Does everything hold that must hold before a run? (docs/log.md)")
intake = _step("intake", "Check every drop; accept or refuse it, with a reason.")
match_drops = _step("match", "Re-key the pseudonyms, join the drops in DuckDB, find the cases.")
count = _step("count", "Count per group, small cells withheld; hold when a group stands out.")
release = _step("release", "Seal to each partner its own cases.")
destroy = _step("destroy", "Destroy the round's key, its drops and everything held in memory.")


@task(
    name="piece",
    description="One piece of the step match, wherever the task runner puts it.",
    task_run_name="{stage} {number}",
    **ONCE,
)
def piece(site: str, project: str, round_id: str, stage: str, number: int) -> str:
    private_process()
    return do_piece(Path(site), project, round_id, stage, number)


def _spread(site: str, project: str, round_id: str) -> Do:
    def do(stage: str, numbers: Sequence[int]) -> Iterator[str]:
        futures = [piece.submit(site, project, round_id, stage, number) for number in numbers]
        for future in futures:
            try:
                yield str(future.result())
            except Exception as error:  # the run does itself what a lost worker did not
                yield type(error).__name__

    return do


@flow(name="match", persist_result=False, log_prints=False, retries=0)
def match(site: str, project: str, round_id: str) -> State[Any]:
    """Run one round of one project; a round that was already released is only finished."""
    # Nothing else of this module, as in the steps.
    return _all_steps(f"{project}.{round_id}")


def _all_steps(run_id: str) -> State[Any]:
    steps = (
        [release, destroy]
        if _runs[run_id].released
        else [gates, intake, match_drops, count, release, destroy]
    )
    for step in steps:
        state = step(run_id)
        if not state.is_completed():
            return Failed(name=state.name, message=state.message)
    waits = _runs[run_id].lacking
    return Completed(message="waits for cosignatures" if waits else "released and destroyed")


def run(
    site: Path, project: str, round_id: str, config: ExecutionConfig, *, shown: bool = False
) -> dict[str, Any]:
    """Run the flow; its outcome: `state`, and what refused it or the number of cases.

    Args:
        shown: how far it is, its steps and its counts are artifacts of Prefect, for who looks at the server.
    """
    run_id = f"{project}.{round_id}"
    do = _spread(str(site), project, round_id)
    try:
        one = _runs[run_id] = Run(Site(site).project(project), round_id, utc_now, config, do)
    except LsiError as error:
        return refused(error)
    progress = _progress[run_id] = Progress(project, round_id, shown=shown)
    try:
        refusal = _through_prefect(one, run_id, config)
        return refused(refusal) if refusal else {"state": "released", **one.summary()}
    except LsiError as error:
        return refused(error)
    finally:
        progress.end(one.project)
        _runs.pop(run_id).close()


def _through_prefect(one: Run, run_id: str, config: ExecutionConfig) -> LsiError | None:
    """Take the steps as a flow; what refused one. What was done is done, also where Prefect could not be told."""
    if one.ended:
        one.gates()  # raises: there is nothing left to do
    try:
        with task_runner(config) as runner:
            state = match.with_options(task_runner=runner)(
                str(one.project.site.folder), one.project.id, one.round_id, return_state=True
            )
        lost: LsiError | None = (
            None if state.is_completed() else UnexpectedError(kind=str(state.type), place="prefect")
        )
    except LsiError:
        raise
    except Exception as error:  # a cluster that does not start, a server that is away
        lost = None if one.ended or one.lacking else UnexpectedError.of(error)
    return _refusals.pop(run_id, lost)
