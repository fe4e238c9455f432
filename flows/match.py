"""The flow `match`: gates → intake → match → count → release → destroy.

Each task calls the step of the same name of `lsi_match.matcher.round.run.Run`, which it finds by an id, so that nothing
but that id ever passes through Prefect. A step that was refused leaves its task in the state Failed, with the
text of the refusal; any other error leaves only the name of its kind and the place in our code, since its text
could hold data.

The step `match` has its buckets done as tasks, by the task runner that the means of the run name. They are told names
and a number, and give back a word (`lsi_match.matcher.engine.work`): what a task runner sends elsewhere is no secret.

Run as a process of its own: `python -m lsi_match.flows.match --site DIR --project NAME --round NAME`. It writes one JSON
document a line: one per step, then the outcome.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lsi_match.base.clock import utc_now
from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.base.measure import measured
from lsi_match.crypto import passphrase
from lsi_match.flows.runners import task_runner
from lsi_match.flows.tasks import ONCE
from lsi_match.matcher.engine.execution_config import ExecutionConfig
from lsi_match.matcher.engine.work import Do, do_bucket
from lsi_match.matcher.round.hold import RunHeldError
from lsi_match.matcher.round.run import Run
from lsi_match.matcher.site.site import Site

_runs: dict[str, Run] = {}
_refusals: dict[str, LsiError] = {}


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
    with measured(name) as took:
        refusal = _attempt(run_id, name)
    line = {
        "step": name,
        "seconds": took.seconds,
        "peak_mib": took.peak_mib,
        "refused": refusal is not None,
    }
    print(json.dumps(line), flush=True)
    if refusal is not None:
        _refusals[run_id] = refusal
        if isinstance(refusal, RunHeldError):
            return Failed(name="Held", message=str(refusal))
        return Failed(message=str(refusal))
    return Completed(message=f"{name} done")


def _attempt(run_id: str, name: str) -> LsiError | None:
    try:
        getattr(_runs[run_id], name)()
    except LsiError as error:
        return error
    except Exception as error:
        return UnexpectedError.of(error)
    return None


gates = _step("gates", "Does everything hold that must hold before a run? (docs/log.md)")
intake = _step("intake", "Check every drop; accept or refuse it, with a reason.")
match_drops = _step("match", "Re-key the pseudonyms, join the drops in DuckDB, find the cases.")
count = _step("count", "Count per group, small cells withheld; hold when a group stands out.")
release = _step("release", "Seal to each partner its own cases.")
destroy = _step("destroy", "Destroy the round's key, its drops and everything held in memory.")


@task(
    name="bucket",
    description="One bucket of the step match, wherever the task runner puts it.",
    task_run_name="bucket {number}",
    **ONCE,
)
def bucket(site: str, project: str, round_id: str, number: int) -> str:
    _private_process()
    return do_bucket(Path(site), project, round_id, number)


def _spread(site: str, project: str, round_id: str) -> Do:
    def do(numbers: Sequence[int]) -> Iterator[str]:
        futures = [bucket.submit(site, project, round_id, number) for number in numbers]
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


def run(site: Path, project: str, round_id: str, config: ExecutionConfig) -> dict[str, Any]:
    """Run the flow; its outcome: `state`, and what refused it or the number of cases."""
    run_id = f"{project}.{round_id}"
    do = _spread(str(site), project, round_id)
    try:
        _runs[run_id] = Run(Site(site).project(project), round_id, utc_now, config, do)
    except LsiError as error:
        return _refused(error)
    try:
        if _runs[run_id].ended:
            _runs[run_id].gates()  # raises: there is nothing left to do
        with task_runner(config) as runner:
            state = match.with_options(task_runner=runner)(str(site), project, round_id, return_state=True)
        if state.is_completed():
            return {"state": "released", **_runs[run_id].summary()}
        return _refused(_refusals.get(run_id) or UnexpectedError(kind=str(state.type), place="prefect"))
    except LsiError as error:
        return _refused(error)
    except Exception as error:  # a cluster that does not start
        return _refused(UnexpectedError.of(error))
    finally:
        _runs.pop(run_id).close()


def _refused(error: LsiError) -> dict[str, Any]:
    state = "held" if isinstance(error, RunHeldError) else "refused"
    return {"state": state, "reason": error.reason, "nl": error.text("nl"), "en": error.text("en")}


def _private_process() -> None:
    """No core dumps, files for their owner only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)


def main() -> int:
    """The process of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--project", required=True)
    parser.add_argument("--round", required=True)
    parser.add_argument("--config", default="{}")
    parser.add_argument("--passphrase-fd", type=int)
    options = parser.parse_args()
    _private_process()
    if options.passphrase_fd is not None:
        # Read and closed before Prefect starts a server of its own.
        passphrase.use(passphrase.from_descriptor(options.passphrase_fd))
    config = ExecutionConfig.model_validate_json(options.config)
    outcome = run(options.site.absolute(), options.project, options.round, config)
    print(json.dumps(outcome), flush=True)
    return 0 if outcome["state"] == "released" else 1


if __name__ == "__main__":
    # By the name under which others find it: what is pickled from `__main__` takes along all that it names.
    from lsi_match.flows.match import main as under_its_name

    sys.exit(under_its_name())
