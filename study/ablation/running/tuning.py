"""How a cell's learning rate is chosen, on seeds that are never scored."""

from collections.abc import Callable, Sequence

import numpy as np

from study.ablation.configuration.protocol import Protocol, round_rate
from study.learning import Array

MOST_FAILED = 0.2  # share of a rate's trainings


class Trials:
    """What tuning runs came to, and failures, by learning rate.

    That is their final objectives, or, if a rate is chosen by the mean, their scores or the
    updates that they took until they had learnt.
    """

    def __init__(self, by_mean: bool = False) -> None:
        self._by_mean = by_mean
        self.finals: dict[float, list[float]] = {}
        self.failures: dict[float, list[bool]] = {}

    def add(self, rates: Array, finals: Array, failed: Array) -> None:
        """Take in trainings: their rates, final objectives and whether they FAILED."""
        columns = (column.tolist() for column in (rates, finals, failed))
        for rate, final, failure in zip(*columns, strict=True):
            self.finals.setdefault(rate, []).append(final if np.isfinite(final) else np.inf)
            self.failures.setdefault(rate, []).append(bool(failure))

    def best(self) -> float:
        """Return the rate with the lowest mean, or with the lowest median final objective.

        What is averaged counts failures by itself. The median is taken among the rates of which at
        most a fifth FAILED (1 of 5, none of 3); if there is none, among those with the least share
        of failures. A tie goes to the smaller rate.
        """
        if self._by_mean:
            return min((float(np.mean(v)), rate) for rate, v in sorted(self.finals.items()))[1]
        share = {rate: float(np.mean(f)) for rate, f in self.failures.items()}
        bound = max(MOST_FAILED, min(share.values()))
        return min(
            (float(np.median(self.finals[rate])), rate)
            for rate in sorted(share)
            if share[rate] <= bound
        )[1]


def choose_rate(
    protocol: Protocol,
    first: Sequence[float],
    train: Callable[[Sequence[float], Sequence[int]], tuple[Array, Array, Array]],
) -> float:
    """Choose a learning rate.

    Stage A tries the rates `first` with the tuning seeds. Without ``protocol.refine`` its best
    rate is chosen. With it, stage A is extended by a decade at a time until its best rate is an
    interior one. Stage B then tries a finer grid around that rate with seeds of its own, and the
    choice is made among stage B's trainings alone. ``train(rates, seeds)`` returns rates, final
    objectives or scores, and failures of the trainings.
    """
    by_mean = protocol.tuned_by != "median_objective"
    coarse = Trials(by_mean)
    coarse.add(*train(first, protocol.tuning()))
    refine = protocol.refine
    if refine is None:
        return coarse.best()
    tried = sorted(first)
    ratio = tried[-1] / tried[-2] if len(tried) > 1 else 10.0**0.5
    steps = max(1, round(1.0 / np.log10(ratio)))
    for _ in range(refine.recentre_decades):
        if coarse.best() == tried[0]:
            more = [round_rate(tried[0] / ratio**k) for k in range(steps, 0, -1)]
            tried = more + tried
        elif coarse.best() == tried[-1]:
            more = [round_rate(tried[-1] * ratio**k) for k in range(1, steps + 1)]
            tried = tried + more
        else:
            break
        coarse.add(*train(more, protocol.tuning()))
    middle, half = coarse.best(), (refine.rates - 1) / 2
    around = [
        round_rate(middle * 10.0 ** ((k - half) / refine.per_decade)) for k in range(refine.rates)
    ]
    fine = Trials(by_mean)
    fine.add(*train(around, protocol.refining()))
    return fine.best()
