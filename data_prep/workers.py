"""Who does the work of a stage: this process, a pool of processes, or a Ray cluster.

    python -m data_prep.features NAME=MANIFEST --out features --workers 8
    python -m data_prep.features NAME=MANIFEST --out features --ray                 # a Ray of this machine's own
    python -m data_prep.features NAME=MANIFEST --out features --ray=ray://head:10001

The results are the same bytes wherever they are made. A cluster's machines see the folders under the same paths and
have Python with what svs depends on; Ray comes with pip install '.[cluster]'.
"""

from __future__ import annotations

import argparse
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data_prep.stages import positive
from svs.mistakes import Mistake

Over = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]  # as the built-in map
ROOT = Path(__file__).resolve().parent.parent
LOCAL = "local"
AHEAD = 4  # tasks that are handed to a cluster for each of its cores before their results are asked for


class WorkersError(Mistake):
    """Ray is not installed, or its cluster not to be reached; the message says what to do."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """--workers and --ray, which `over` takes."""
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes, or cores of a Ray")
    parser.add_argument(
        "--ray", nargs="?", const=LOCAL, metavar="ADDRESS",
        help="work on a Ray cluster, or without an address on a Ray started here; pip install '.[cluster]'",
    )  # fmt: skip


@contextmanager
def over(workers: int = 1, ray: str | None = None) -> Iterator[Over]:
    """Yields what runs a function over items as `map` does, in order. Functions and items must be picklable.

    ray: address of a cluster, or LOCAL. Raises WorkersError; what a function raises is raised here.
    """
    if ray is not None:
        with _cluster(ray, workers) as run:
            yield run
    elif workers == 1:
        yield map
    else:
        with _pool(workers) as run:
            yield run


@contextmanager
def _pool(workers: int) -> Iterator[Over]:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # not forked: threads of this process would leave their locks held
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool.map
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _begin() -> None:
    """What a process of the pool does first: leave Ctrl-C to its parent, and end when that is gone, even killed."""
    import signal
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _cluster(address: str, workers: int) -> Iterator[Over]:
    try:
        import ray
    except ImportError:
        raise WorkersError("--ray: Ray is not installed; pip install '.[cluster]' brings it") from None
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    options["runtime_env"] = {"env_vars": {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}}
    if address == LOCAL:
        options |= {"address": "local", "num_cpus": workers if workers > 1 else None, "include_dashboard": False}
    else:
        options["address"] = address
    try:
        ray.init(**options)
    except Exception as error:  # of a node that does not start Ray raises just that
        where = "Ray does not start here" if address == LOCAL else f"no cluster is reached at {address}"
        raise WorkersError(f"--ray: {where} ({error}); --workers works without") from None
    try:
        ahead = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))

        def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            task = ray.remote(_call)
            waiting: deque = deque()
            for item in items:
                waiting.append(task.remote(function, item))
                if len(waiting) >= ahead:
                    yield _result(ray, waiting.popleft())
            while waiting:
                yield _result(ray, waiting.popleft())

        yield run
    finally:
        ray.shutdown()


def _call(function: Callable[[Any], Any], item: Any) -> Any:
    return function(item)


def _result(ray, reference) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None

