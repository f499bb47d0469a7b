"""Matrix products of an update, by the package's own loops and by the BLAS that numba calls."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numba
import numpy as np

from benchmarks.results import Measured
from benchmarks.workloads import WORKLOADS, Workload
from study.learning import Array
from study.learning.core import products

GOALS = {"W3": ">= 0.9"}
Triple = tuple[Array, Array, Array]


@numba.njit
def _own(product: Any, a: Array, b: Array, c: Array, times: int) -> None:
    for _ in range(times):
        products.dot(product, a, b, c)


@numba.njit
def _blas(product: Any, a: Array, b: Array, c: Array, times: int) -> None:
    for _ in range(times):
        np.dot(a, b, c)


def measure(quick: bool) -> list[Measured]:
    """Return a row for each workload: how fast all products of an update are beside the BLAS."""
    return [_compared(work, 3 if quick else 15) for work in WORKLOADS.values()]


def _compared(work: Workload, repeats: int) -> Measured:
    product, every = products.product("float32"), list(_products(work))
    times = max(1, int(1e8 / work.flops()))
    turns = [
        [_seconds(way, product, every, times) for way in (_own, _blas)] for _ in range(3 + repeats)
    ]
    ratio = statistics.median(blas / own for own, blas in turns[3:])  # the first ones compile
    return Measured(
        f"products of {work.name}, rate of ours", ratio, "× the BLAS's", GOALS.get(work.name, "")
    )


def _seconds(way: Callable[..., None], product: Any, every: list[Triple], times: int) -> float:
    started = time.process_time()
    for a, b, c in every:
        way(product, a, b, c, times)
    return time.process_time() - started


def _products(work: Workload) -> Iterator[Triple]:
    """Yield a, b and c of each product: forward, gradient, delta of the layer below."""
    rng, batch = np.random.default_rng(0), work.batch
    for layer, (n_in, n_out) in enumerate(pairwise(work.widths)):
        weights, y, delta = (
            rng.random(shape, np.float32)
            for shape in ((n_in + 1, n_out), (n_in + 1, batch), (n_out, batch))
        )
        yield weights.T, y, np.empty_like(delta)
        yield y, np.ascontiguousarray(delta.T), np.empty_like(weights)
        if layer:
            yield weights[:-1], delta, np.empty((n_in, batch), np.float32)
