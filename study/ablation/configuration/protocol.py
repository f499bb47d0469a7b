"""The protocol of a training: budget, learning rates, seeds; the experiment's, or a grid's own.

Seeds. Each use has a range of its own that begins at a fixed number: no seed both tunes and is
scored, and of two cells the one with fewer evaluation seeds has the first of the other's, so that
comparisons pair on the common ones. Cells without tuning (``tune: false``) use the evaluation
seeds too; whoever takes them for a calibration splits them itself.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from study.ablation.configuration.checks import flag, known, mapping, number, refuse_twice, whole
from study.errors import UsageError, unknown
from study.learning.core.training import Budget
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import Variant, resolve

RANGE = re.compile(r"(\d+) a decade from (\S+) to (\S+)")

TUNING_SEEDS_FROM = 1
REFINING_SEEDS_FROM = 1001
EVALUATION_SEEDS_FROM = 2001

TRANSFER, TRUNK, OWN = "transfer", "trunk", "own"
"""Uses of a rate that was chosen for another cell: to be evaluated at exact's too; for the first
phase of a branch, and for the second, chosen without the branch."""

BRANCH_RATES = {"own": "own rate", "tenth": "a tenth of its rate", "equal_path": "equal path"}
"""How the rate after a branch follows, and how that is said."""


@dataclass(frozen=True)
class Refine:
    """Stage B of tuning: a finer grid of learning rates around the best of stage A.

    Parameters
    ----------
    per_decade
        Rates in a decade.
    rates
        How many, around the best.
    seeds
        How many others than those of stage A.
    recentre_decades
        How far stage A may be extended until its best rate is an interior one.
    """

    per_decade: int = 8
    rates: int = 9
    seeds: int = 5
    recentre_decades: int = 3


@dataclass(frozen=True)
class Branch:
    """A training before the training, under another rule: what is scored branches off from it.

    Parameters
    ----------
    gradient
        The rule of the first phase, which has the rate that was chosen for it.
    updates
        Of the first phase; the second has the protocol's.
    rate
        Of the second phase: ``own``, the one chosen for its rule; ``tenth`` of that;
        ``equal_path``, at which it moves as far as the first rule would when it went on.
    location
        Where the first rule applies; the grid's.
    """

    gradient: Variant[Gradient]
    updates: int
    rate: str = "own"
    location: str = "hidden"

    def params(self) -> dict[str, str | int]:
        """Return what the tables say of it."""
        return {
            "branch.gradient": str(self.gradient),
            "branch.updates": self.updates,
            "branch.rate": self.rate,
        }


@dataclass(frozen=True)
class Protocol:
    """How a cell is trained.

    Parameters
    ----------
    updates
        Budget of a training.
    batch_size
        Patterns in a batch, or None for ``full``.
    learning_rates
        Stage A of tuning: optimizer -> rates.
    tuning_seeds, evaluation_seeds
        How many; no seed is both.
    refine
        Stage B, or None.
    tune
        Whether one of the rates is chosen; else all of them are evaluated.
    transfer
        Also evaluate at the rate that was chosen for exact.
    decay
        Let the rate fall linearly to 0 over the second half.
    checkpoints, probes
        How often the objective, and the probes, are measured.
    dtype
        float32 or float64.
    branch
        What is trained before, under another rule, or None. Then nothing is tuned: the rates are
        those of the cells without a branch.
    """

    updates: int
    batch_size: int | None
    learning_rates: Mapping[str, tuple[float, ...]]
    tuning_seeds: int
    evaluation_seeds: int
    refine: Refine | None = None
    tune: bool = True
    transfer: bool = True
    decay: bool = True
    checkpoints: int = 20
    probes: int = 8
    dtype: str = "float32"
    branch: Branch | None = None

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
        return Budget(
            updates=self.updates,
            batch_size=self.batch_size,
            decay=self.decay,
            checkpoints=self.checkpoints,
            probes=self.probes,
            dtype=self.dtype,
        )

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
        its reference. Without tuning, the seeds of tuning decide nothing. Uses that came later
        are said only where they are made, so that older identities stay.
        """
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        del content["transfer"], content["branch"], content["tune"]
        content["learning_rates"] = list(self.learning_rates.get(optimizer, ()))
        content["refine"] = None if self.refine is None else dataclasses.asdict(self.refine)
        if not self.tunes:
            del content["tuning_seeds"], content["refine"]
            content["tune"] = False
        if self.branch is not None:
            del content["learning_rates"]
            spec = self.branch.gradient.specification()
            content["branch"] = {**vars(self.branch), "gradient": spec}
        return content

    def united(self, other: Protocol) -> Protocol:
        """Return what serves two requests for one cell: more seeds, and transfer if either asks.

        Both see the same otherwise.
        """
        return dataclasses.replace(
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
        said = []
        if self.branch is not None:
            trunk = f"{self.branch.updates:,} updates of {self.branch.gradient.short}"
            said.append(f"after {trunk}, {BRANCH_RATES[self.branch.rate]}")
        if "updates" in different:
            said.append(f"{self.updates:,} updates")
        if "batch_size" in different:
            full = self.batch_size is None
            said.append("full batches" if full else f"batches of {self.batch_size}")
        if "decay" in different:
            said.append("falling rate" if self.decay else "constant rate")
        if "dtype" in different:
            said.append(self.dtype)
        if self.branch is None and not self.tune and usual.tune:
            said.append(f"{len(own['learning_rates'])} rates, none chosen")
        elif different & {"learning_rates", "tuning_seeds", "refine"}:
            said.append(f"tuned by {self.tuning_runs(optimizer)} runs")
        if different & {"checkpoints", "probes"}:
            said.append(f"{self.checkpoints} checkpoints, {self.probes} probes")
        return said


def read_protocol(given: Mapping[str, Any], key: str = "protocol") -> Protocol:
    """Check a protocol.

    Parameters
    ----------
    given
        Plain containers.
    key
        Where it stands, for the messages.

    Raises
    ------
    UsageError
        For the first key that is unknown, missing, of a wrong type or out of range.
    """
    known(f"{key}.", given, [f.name for f in fields(Protocol)])
    for name in ("updates", "batch_size", "learning_rates", "tuning_seeds", "evaluation_seeds"):
        if given.get(name) is None:
            raise UsageError(f"{key}.{name} is missing")
    most_seeds = REFINING_SEEDS_FROM - TUNING_SEEDS_FROM
    batch = given["batch_size"]
    if batch != "full":
        if not isinstance(batch, int):
            raise UsageError(f"{key}.batch_size takes a whole number or full, not {batch!r}")
        batch = whole(f"{key}.batch_size", batch, 1, 10**7)
    refine = given.get("refine")
    branch = given.get("branch")
    tune = flag(f"{key}.tune", given.get("tune", True))
    if branch is not None and not tune:
        raise UsageError(f"{key}.branch takes rates that were chosen, and {key}.tune is false")
    dtype = given.get("dtype", "float32")
    if dtype not in ("float32", "float64"):
        raise UsageError(unknown(f"{key}.dtype", dtype, ("float32", "float64")))
    return Protocol(
        updates=whole(f"{key}.updates", given["updates"], 1, 10**8),
        batch_size=None if batch == "full" else batch,
        learning_rates=_rates(
            f"{key}.learning_rates", mapping(f"{key}.learning_rates", given["learning_rates"])
        ),
        tuning_seeds=whole(f"{key}.tuning_seeds", given["tuning_seeds"], 1, most_seeds),
        evaluation_seeds=whole(f"{key}.evaluation_seeds", given["evaluation_seeds"], 1, 10**6),
        refine=None if refine is None else _refine(f"{key}.refine", refine),
        tune=tune,
        transfer=flag(f"{key}.transfer", given.get("transfer", True)),
        decay=flag(f"{key}.decay", given.get("decay", True)),
        checkpoints=whole(f"{key}.checkpoints", given.get("checkpoints", 20), 2, 10**4),
        probes=whole(f"{key}.probes", given.get("probes", 8), 0, 10**4),
        dtype=dtype,
        branch=None if branch is None else _branch(f"{key}.branch", branch),
    )


def amended(
    usual: Mapping[str, Any], differences: Mapping[str, Any], commanded: Iterable[str] = ()
) -> dict[str, Any]:
    """Return a protocol with differences, in plain containers; keys within keys are kept.

    Parameters
    ----------
    usual, differences
        Plain containers.
    commanded
        Dotted keys that the command line set: these stay as they are in `usual`.
    """
    found = dict(usual)
    for key, value in differences.items():
        if key in commanded:
            continue
        before = usual.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            within = [c.removeprefix(f"{key}.") for c in commanded if c.startswith(f"{key}.")]
            value = amended(before, value, within)
        found[key] = value
    return found


def _refine(key: str, given: Any) -> Refine:
    given = mapping(key, given)
    known(f"{key}.", given, [f.name for f in fields(Refine)])
    most = EVALUATION_SEEDS_FROM - REFINING_SEEDS_FROM
    return Refine(
        per_decade=whole(f"{key}.per_decade", given.get("per_decade", 8), 1, 100),
        rates=whole(f"{key}.rates", given.get("rates", 9), 1, 1000),
        seeds=whole(f"{key}.seeds", given.get("seeds", 5), 1, most),
        recentre_decades=whole(f"{key}.recentre_decades", given.get("recentre_decades", 3), 0, 20),
    )


def _branch(key: str, given: Any) -> Branch:
    given = mapping(key, given)
    keys = ("gradient", "updates", "rate")
    known(f"{key}.", given, keys)
    for name in keys[:2]:
        if given.get(name) is None:
            raise UsageError(f"{key}.{name} is missing")
    gradient = resolve("gradient", GRADIENTS, given["gradient"])
    if not isinstance(gradient.record, Gradient):
        raise UsageError(f"{key}.gradient takes a gradient, not {given['gradient']!r}")
    rate = given.get("rate", Branch.rate)
    if rate not in BRANCH_RATES:
        raise UsageError(unknown(f"{key}.rate", rate, BRANCH_RATES))
    return Branch(gradient, whole(f"{key}.updates", given["updates"], 1, 10**8), rate)


def _rates(key: str, given: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    # whether these are names of optimizers, users' own among them, the plan will see
    return {name: _rate_list(f"{key}.{name}", v) for name, v in given.items()}


def _rate_list(key: str, given: Any) -> tuple[float, ...]:
    if isinstance(given, str) and (found := RANGE.fullmatch(given.strip())):
        per = whole(f"{key}, rates a decade", int(found[1]), 1, 100)
        low, high = (_rate(key, _float(text)) for text in found.groups()[1:])
        if low > high:
            raise UsageError(f"{key} takes a range upwards, not from {low:g} to {high:g}")
        count = round(float(np.log10(high / low)) * per) + 1
        return tuple(round_rate(high * 10.0 ** ((i - count + 1) / per)) for i in range(count))
    if not isinstance(given, list) or not given:
        raise UsageError(
            f"{key} takes a list of rates, or a range such as '2 a decade from 1e-3 to 10', "
            f"not {given!r}"
        )
    rates = [round_rate(_rate(key, rate)) for rate in given]
    refuse_twice(key, rates)
    return tuple(sorted(rates))


def _rate(key: str, value: Any) -> float:
    rate = number(key, value, 0.0)
    if not 1e-30 <= rate <= 1e30:  # what float32 can hold
        raise UsageError(f"{key}: a learning rate is above 0 (1e-30 to 1e+30), not {rate:g}")
    return rate


def _float(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def round_rate(rate: float) -> float:
    """Round to six digits, so that equal rates have equal names."""
    return float(f"{rate:.6g}")
