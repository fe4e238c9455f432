"""Prefect's task runners, as the configuration of a run names them (`lsi_match.matcher.engine.execution_config`).

A cluster that is made here is one of Dask: it listens on this machine only, to who has its keys only, keeps nothing on disk
and shows no pages. Ray has no such keys, so that a cluster of it is one that somebody else guards.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from lsi_match.base.errors import LsiError, UnexpectedError
from lsi_match.flows.settings import end_with_parent
from lsi_match.matcher.engine.execution_config import ExecutionConfig


@contextmanager
def task_runner(config: ExecutionConfig) -> Iterator[TaskRunner[Any]]:
    """The task runner of this configuration.

    Raises:
        ExtraMissingError, ClusterUnreachableError: as named.
    """
    if config.cluster is not None:
        _reach(config.cluster)
    if config.runner == "threads":
        yield ThreadPoolTaskRunner(max_workers=config.at_once)
        return
    folder = tempfile.mkdtemp(prefix="lsi")  # for the files of a cluster of its own
    try:
        yield {"processes": _processes, "dask": _dask, "ray": _ray}[config.runner](config, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _processes(config: ExecutionConfig, _: str) -> TaskRunner[Any]:
    return ProcessPoolTaskRunner(max_workers=config.at_once, initializer=end_with_parent)


def _dask(config: ExecutionConfig, folder: str) -> Any:
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        raise UnexpectedError.of(error) from None
    if config.cluster is not None:
        return DaskTaskRunner(address=config.cluster)
    local = {
        "n_workers": config.at_once,
        "threads_per_worker": 1,
        "host": "127.0.0.1",
        # Keys made for this cluster alone: without them every user of the machine could give it work.
        "security": True,
        "protocol": "tls://",
        "dashboard_address": None,
        "memory_limit": None,
        "local_directory": folder,
    }
    return DaskTaskRunner(cluster_kwargs=local)


def _ray(config: ExecutionConfig, _: str) -> Any:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise UnexpectedError.of(error) from None
    return RayTaskRunner(address=config.cluster, init_kwargs={"log_to_driver": False})


def _reach(address: str) -> None:
    """Raise where nothing listens at the address of a cluster."""
    where = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        socket.create_connection((where.hostname or "", where.port or 0), timeout=10).close()
    except (OSError, ValueError):
        raise LsiError("ClusterUnreachableError", address=address) from None
