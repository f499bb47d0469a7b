"""The protocol of a training: budget, learning rates, seeds; the experiment's, or a grid's own.

Each use of seeds has a range of its own that begins at a fixed number. So no seed both tunes and
is scored. Of two cells, the one with fewer evaluation seeds has the first seeds of the other, and
comparisons pair on these. Cells without tuning (``tune: false``) use the evaluation seeds too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, PlainValidator

from study.checked import NO_OTHER_KEYS, Flag, Number, Whole, between, checked, one_of
from study.errors import UsageError
from study.learning.design import Budget
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, resolve

RATES_BY_NAME = f"takes rates by optimizer ({', '.join(OPTIMIZERS)}), not "
RANGE = re.compile(r"(\d+) a decade from ([\d.e+-]+) to ([\d.e+-]+)")

TUNING_SEEDS_FROM = 1
REFINING_SEEDS_FROM = 1001
EVALUATION_SEEDS_FROM = 2001

TRANSFER, TRUNK, OWN = "transfer", "trunk", "own"
"""Uses of a rate that was chosen for another cell. With `TRANSFER` a cell is also evaluated at the
rate of exact. With `TRUNK` and `OWN` it is the rate of a branch's first and second phase."""

BRANCH_RATES = {"own": "own rate", "tenth": "a tenth of its rate", "equal_path": "equal path"}
"""The rates that a branch may go on with, and how names of cells say so."""


def round_rate(rate: float) -> float:
    """Round to six digits, so that equal rates have equal names."""
    return float(f"{rate:.6g}")


def _batch(given: Any) -> Any:
    if given is None or (isinstance(given, str) and given != "full"):
        raise ValueError(f"takes a whole number or full, not {given!r}")
    return None if given == "full" else given


def rates(given: Any) -> tuple[float, ...]:
    """Return the rates of a list, or of a text such as ``2 a decade from 1e-3 to 10``."""
    if isinstance(given, str) and (found := RANGE.fullmatch(given.strip())):
        per = int(found[1])
        low, high = _rate(float(found[2])), _rate(float(found[3]))
        if not 1 <= per <= 100:
            raise ValueError(f"takes from 1 to 100 rates a decade, not {per}")
        if low > high:
            raise ValueError(f"takes a range upwards, not from {low:g} to {high:g}")
        count = round(float(np.log10(high / low)) * per) + 1
        return tuple(round_rate(high * 10.0 ** ((i - count + 1) / per)) for i in range(count))
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(
            "takes a list of rates, or a range such as '2 a decade from 1e-3 to 10', "
            f"not {given!r}"
        )
    several = sorted(round_rate(_rate(rate)) for rate in given)
    if twice := [one for one, other in pairwise(several) if one == other]:
        raise ValueError(f"has {twice[0]!r} twice: each value once")
    return tuple(several)


def _rate(given: Any) -> float:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not 1e-30 <= given <= 1e30:  # what float32 can hold
        raise ValueError(f"takes learning rates from 1e-30 to 1e+30, not {given!r}")
    return float(given)


def _by_optimizer(given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise ValueError(f"{RATES_BY_NAME}{given!r}")
    return given


def _not_said(given: Any) -> str:
    raise ValueError("is the location of the grid: leave it out")


@dataclass(frozen=True)
class Refine:
    """Stage B of tuning: a finer grid around the best rate of stage A, with seeds of its own."""

    __pydantic_config__ = NO_OTHER_KEYS

    per_decade: Annotated[Whole, between(1, 100)] = 8  # rates in a decade
    rates: Annotated[Whole, between(1, 1000)] = 9  # how many rates around the best one
    # how many seeds of its own
    seeds: Annotated[Whole, between(1, EVALUATION_SEEDS_FROM - REFINING_SEEDS_FROM)] = 5
    # decades by which stage A may be extended, until its best rate is not the outermost
    recentre_decades: Annotated[Whole, between(0, 20)] = 3


@dataclass(frozen=True)
class Branch:
    """A training before the training, under another rule: what is scored branches off from it."""

    __pydantic_config__ = NO_OTHER_KEYS

    # the gradient rule of the first phase, at the rate that was chosen for it
    gradient: Annotated[
        Variant[Gradient], PlainValidator(lambda given: resolve("gradient", GRADIENTS, given))
    ]
    updates: Annotated[Whole, between(1, 10**8)]  # length of the first phase
    # rate of the second phase: ``own``, the one chosen for its rule; ``tenth``, a tenth of that;
    # ``equal_path``, at which it moves as far as the first rule would if it went on
    rate: Annotated[str, one_of(*BRANCH_RATES)] = "own"
    # where the first rule applies; the grid states it, so it is left out here
    location: Annotated[str, PlainValidator(_not_said)] = "hidden"

    def params(self) -> dict[str, str | int]:
        """Return what the tables say of it."""
        return {
            "branch.gradient": str(self.gradient),
            "branch.updates": self.updates,
            "branch.rate": self.rate,
        }


@dataclass(frozen=True)
class Protocol:
    """How a cell is trained."""

    __pydantic_config__ = NO_OTHER_KEYS

    updates: Annotated[Whole, between(1, 10**8)]  # how many updates a training has
    # patterns in a batch, or ``full``
    batch_size: Annotated[Annotated[Whole, between(1, 10**7)] | None, BeforeValidator(_batch)]
    # where stage A of tuning looks, by optimizer: a list, or ``2 a decade from 1e-3 to 10``
    learning_rates: Annotated[
        Mapping[str, Annotated[tuple[float, ...], PlainValidator(rates)]],
        BeforeValidator(_by_optimizer),
    ]
    # seeds that choose the learning rate; none of them is scored
    tuning_seeds: Annotated[Whole, between(1, REFINING_SEEDS_FROM - TUNING_SEEDS_FROM)]
    evaluation_seeds: Annotated[Whole, between(1, 10**6)]  # seeds that are scored
    refine: Refine | None = None  # stage B of tuning, a finer grid; null: no second stage
    tune: Flag = True  # true: choose the best of the rates; false: evaluate all of them
    transfer: Flag = True  # true: also evaluate at the rate that was chosen for exact
    decay: Flag = True  # true: the rate falls linearly to 0 over the second half
    # how often the objective is measured, at updates that are even in the logarithm
    checkpoints: Annotated[Whole, between(2, 10**4)] = 20
    # at how many of these cosines, saturation and norms are measured too
    probes: Annotated[Whole, between(0, 10**4)] = 8
    # precision of the numbers: float32 or float64
    dtype: Annotated[str, one_of("float32", "float64")] = "float32"
    branch: Branch | None = None  # a training before the training, under another rule
    # what chooses a rate: ``median_objective``, the least median final objective; ``mean_score``,
    # the least mean log10 share of the objective that is left, from 1e-9 to 1, where a failed
    # training counts as 1; ``learnt_at``, the fewest updates until learnt on average, where one
    # that has not learnt counts as all its updates
    tuned_by: Annotated[str, one_of("median_objective", "mean_score", "learnt_at")] = (
        "median_objective"
    )
    # a training ends when each output is nearer than this share of the range to its target, on all
    # patterns, and its ``learnt_at`` says after how many updates; full batches alone
    learnt_within: Annotated[Number, between(0.001, 1)] | None = None
    # true: also score one half of the test part where the other half says to stop
    stopping: Flag = False
    tasks: Annotated[Whole, between(1, 10**6)] | None = None  # how many tasks a population draws

    @property
    def batches(self) -> str:
        """The size of its batches, for people."""
        return "full batches" if self.batch_size is None else f"batches of {self.batch_size}"

    @property
    def tunes(self) -> bool:
        """Whether a rate is chosen for the cell itself."""
        return self.tune and self.branch is None

    def tuning(self) -> list[int]:
        """Return the seeds of stage A."""
        return list(range(TUNING_SEEDS_FROM, TUNING_SEEDS_FROM + self.tuning_seeds))

    def refining(self) -> list[int]:
        """Return the seeds of stage B."""
        count = self.refine.seeds if self.refine else 0
        return list(range(REFINING_SEEDS_FROM, REFINING_SEEDS_FROM + count))

    def evaluation(self) -> list[int]:
        """Return the seeds that are scored."""
        return list(range(EVALUATION_SEEDS_FROM, EVALUATION_SEEDS_FROM + self.evaluation_seeds))

    def budget(self) -> Budget:
        """Return what the learning core must know of it."""
        return Budget(**{field.name: getattr(self, field.name) for field in fields(Budget)})

    def params(self) -> dict[str, Any]:
        """Return what the tables and the store say of it in every run."""
        return {
            "updates": self.updates,
            "batch_size": "full" if self.batch_size is None else str(self.batch_size),
            "decay": self.decay,
            "dtype": self.dtype,
            **(self.branch.params() if self.branch else {}),
        }

    def seen(self, optimizer: str) -> dict[str, Any]:
        """Return what decides the results of a cell with this optimizer, in plain containers.

        The rates are those of its optimizer; whether it is evaluated at another's rate is said by
        its reference. Without tuning, the seeds of tuning decide nothing. Newer fields, such as
        the branch, are there only when set, so that older identities stay.
        """
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        del content["transfer"], content["branch"], content["tune"], content["tasks"]
        for name in ("tuned_by", "stopping", "learnt_within"):
            if content[name] == getattr(Protocol, name):
                del content[name]
        content["learning_rates"] = list(self.learning_rates.get(optimizer, ()))
        content["refine"] = None if self.refine is None else asdict(self.refine)
        if not self.tunes:
            del content["tuning_seeds"], content["refine"]
            content["tune"] = False
        if not self.tune:
            content.pop("tuned_by", None)
        if self.branch is not None:
            del content["learning_rates"]
            spec = self.branch.gradient.specification()
            content["branch"] = {**vars(self.branch), "gradient": spec}
        return content

    def united(self, other: Protocol) -> Protocol:
        """Return what serves two requests for one cell: more seeds, and transfer if either asks.

        Both see the same otherwise.
        """
        return replace(
            self,
            evaluation_seeds=max(self.evaluation_seeds, other.evaluation_seeds),
            transfer=self.transfer or other.transfer,
        )

    def tuning_runs(self, optimizer: str) -> int:
        """Return how many trainings choose the rate; recentring may add some."""
        if not self.tunes:
            return 0
        coarse = len(self.learning_rates[optimizer]) * self.tuning_seeds
        return coarse + (self.refine.rates * self.refine.seeds if self.refine else 0)

    def differences(self, usual: Protocol, optimizer: str) -> list[str]:
        """Say in words what a cell with this optimizer sees of it that is not `usual`."""
        own, other = self.seen(optimizer), usual.seen(optimizer)
        different = {key for key in own if own[key] != other.get(key)}
        words = {
            "updates": f"{self.updates:,} updates",
            "batch_size": self.batches,
            "decay": "falling rate" if self.decay else "constant rate",
            "dtype": self.dtype,
        }
        said = [text for key, text in words.items() if key in different]
        if self.branch is not None:
            trunk = f"{self.branch.updates:,} updates of {self.branch.gradient.short}"
            said.insert(0, f"after {trunk}, {BRANCH_RATES[self.branch.rate]}")
        if self.branch is None and not self.tune and usual.tune:
            said.append(f"{len(own['learning_rates'])} rates, none chosen")
        elif different & {"learning_rates", "tuning_seeds", "refine"}:
            said.append(f"tuned by {self.tuning_runs(optimizer)} runs")
        if "learnt_within" in different:
            said.append(f"until all outputs are within {self.learnt_within:g}")
        if different & {"checkpoints", "probes"}:
            said.append(f"{self.checkpoints} checkpoints, {self.probes} probes")
        return said


def read_protocol(given: Any, where: str = "protocol.") -> Protocol:
    """Check what a configuration says of a protocol; `where` stands before keys in messages."""
    protocol: Protocol = checked(Protocol, given, where)
    if protocol.branch and not protocol.tune:
        raise UsageError(f"{where}branch takes rates that were chosen, and {where}tune is false")
    return replace(protocol, learning_rates={**_usual_rates(), **protocol.learning_rates})


def changed(protocol: Protocol, own: Mapping[str, Any], where: str = "protocol.") -> Protocol:
    """Return a protocol with some fields changed, given as a configuration says them."""
    needed = {
        **{"updates": 1, "batch_size": 1, "learning_rates": {}},
        **{"tuning_seeds": 1, "evaluation_seeds": 1},
    }
    found = read_protocol({**needed, **own}, where)
    return replace(protocol, **{name: getattr(found, name) for name in own})


@cache
def _usual_rates() -> dict[str, tuple[float, ...]]:
    """Return where tuning looks unless a protocol says, by optimizer."""
    said = {name: record.learning_rates for name, record in OPTIMIZERS.items()}
    return {name: rates(text) for name, text in said.items() if text}


def amended(
    usual: Mapping[str, Any], differences: Mapping[str, Any], commanded: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a protocol with differences, in plain containers; keys within keys are kept.

    Dotted keys that the command line set, `commanded`, stay as they are in `usual`.
    """
    found = dict(usual)
    for key in (key for key in differences if key not in commanded):
        value, before = differences[key], usual.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            within = [c.removeprefix(f"{key}.") for c in commanded if c.startswith(f"{key}.")]
            value = amended(before, value, within)
        found[key] = value
    return found
