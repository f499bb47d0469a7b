"""A stack of replicas at work: its network, optimizer, rules and data, in step with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning.activations import Activation
from study.learning.batches import Batches, Chunks
from study.learning.gradients import EXACT
from study.learning.gradients.base import Gradient, Site
from study.learning.network import Network, Workspace
from study.learning.objectives import Objective
from study.learning.optimizers import Updater
from study.learning.probes import norm, probe
from study.learning.problem import Problem
from study.learning.records import Variant

Array = NDArray[Any]
Rules = Sequence[Variant[Gradient] | None]


class Stack:
    """S seeds × K learning rates in training.

    Parameters
    ----------
    problem
        Data of the seeds.
    hidden
        Widths of the hidden layers.
    activation, output
        Of hidden and output units, bound.
    objective
        What is minimised.
    rules
        The gradient modification of each layer, None where no factor stands.
    seeds, rates
        The S seeds, and K.
    batch_size
        Patterns in a batch.
    parameters
        (R, P), the initial ones; becomes the network's own.
    updater
        The optimizer of these parameters.
    """

    def __init__(
        self,
        problem: Problem,
        hidden: tuple[int, ...],
        activation: Activation,
        output: Activation,
        objective: Objective,
        rules: Rules,
        seeds: list[int],
        rates: int,
        batch_size: int,
        parameters: Array,
        updater: Updater,
    ) -> None:
        self.problem, self.objective, self.updater = problem, objective, updater
        self.seeds, self.rates = seeds, rates
        self.rows = np.arange(len(parameters))  # which of the original replicas are here
        sizes = (problem.widths[0], *hidden, problem.widths[1])
        self.network = Network(sizes, activation, output, parameters)
        dtype = parameters.dtype
        self.batches = Batches(problem.inputs, problem.targets, seeds, batch_size, dtype)
        self.training_set = Chunks(problem.inputs, problem.targets, dtype)
        self.spaces: dict[int, Workspace] = {}
        self.chunk_spaces: dict[int, Workspace] = {}
        self._allocate()
        self.exact = self._sites([EXACT if rule is not None else None for rule in rules])
        self.sites = self._sites(rules)

    def _allocate(self) -> None:
        def spaces(sizes: set[int]) -> dict[int, Workspace]:
            return {
                n: Workspace(
                    self.network.sizes,
                    len(self.seeds),
                    self.rates,
                    n,
                    self.network.parameters.dtype,
                )
                for n in sizes
            }

        self.spaces = spaces(self.batches.sizes())
        self.chunk_spaces = spaces(self.training_set.sizes())

    def _sites(self, rules: Rules) -> list[Site | None]:
        replicas = [seed for seed in self.seeds for _ in range(self.rates)]
        depth = self.network.depth
        sites = [
            None
            if rule is None
            else Site(
                activation=self.network.activations[layer],
                layer=layer + 1,
                topmost=layer == depth - 2,
                replicas=replicas,
                rule=rule.record,
                values=rule.values,
            )
            for layer, rule in enumerate(rules)
        ]
        waiting = [s for s in sites if s is not None and s.rule.prepare is not None]
        if waiting:
            self._prepare(waiting)
        return sites

    def _prepare(self, sites: Sequence[Site]) -> None:
        """Let rules see the net inputs of the whole training set at the initial weights.

        The K replicas of a seed begin alike, so one of them is enough; seed by seed, so that
        large training sets fit into memory.
        """
        found: list[list[dict[str, Array]]] = [[] for _ in sites]
        for s in range(len(self.seeds)):
            one = Network(
                self.network.sizes,
                self.network.activations[0],
                self.network.activations[-1],
                self.network.parameters[s * self.rates : s * self.rates + 1],
            )
            data = Chunks(
                self.problem.pick([s]).inputs,
                self.problem.pick([s]).targets,
                one.parameters.dtype,
            )
            spaces = {n: Workspace(one.sizes, 1, 1, n, one.parameters.dtype) for n in data.sizes()}
            parts: list[list[Array]] = [[] for _ in sites]
            for work in data.load(spaces):
                one.forward(work)
                for site, part in zip(sites, parts, strict=True):
                    part.append(work.net[site.layer - 1].copy())
            for site, part, rows in zip(sites, parts, found, strict=True):
                assert site.rule.prepare is not None
                rows.append(site.rule.prepare(site, np.concatenate(part, axis=2)))
        for site, rows in zip(sites, found, strict=True):
            site.arrays = {
                name: np.repeat(np.concatenate([row[name] for row in rows]), self.rates, axis=0)
                for name in rows[0]
            }

    def update(self, step: int, schedule: float) -> None:
        """Take update number `step`, with the learning rates times `schedule`."""
        work = self.batches.load(self.spaces)
        self.network.forward(work)
        self.network.backward(work, self.sites, step)
        self.updater(self.network.parameters, self.network.gradient, schedule)

    def measure(self, step: int, probe: bool) -> dict[str, Array]:
        """Return the objective on the whole training set, the weight norm, and the probes."""
        measured = {"objective": self._objective(), "weight_norm": norm(self.network.parameters)}
        if probe:
            measured |= self._probe(step)
        return measured

    def _objective(self) -> Array:
        total = np.zeros(len(self.rows))
        for work in self.training_set.load(self.chunk_spaces):
            self.network.forward(work)
            terms = work.by_seed(work.delta[-1])
            z, y = work.by_seed(work.net[-1]), work.by_seed(work.outputs[-1][:, :-1])
            self.objective.terms(z, y, work.targets, terms)
            total += terms.reshape(len(total), -1).sum(axis=1, dtype=np.float64)
        return total / self.training_set.patterns

    def _probe(self, step: int) -> dict[str, Array]:
        work = next(self.training_set.load(self.chunk_spaces, 1))
        return probe(self.network, work, self.sites, self.exact, step)

    def leave(self, gone: Array) -> None:
        """Drop seeds and learning rates all of whose replicas are `gone` (of the original R).

        Whole rows and columns alone, so that the K replicas of a seed go on sharing its batches.
        """
        alive = ~gone[self.rows].reshape(len(self.seeds), self.rates)
        seeds, rates = np.flatnonzero(alive.any(axis=1)), np.flatnonzero(alive.any(axis=0))
        if len(seeds) == len(self.seeds) and len(rates) == self.rates:
            return
        keep = (seeds[:, None] * self.rates + rates).ravel()
        self.rows = self.rows[keep]
        self.problem = self.problem.pick(seeds.tolist())
        self.seeds, self.rates = [self.seeds[s] for s in seeds], len(rates)
        network = self.network
        self.network = Network(
            network.sizes,
            network.activations[0],
            network.activations[-1],
            network.parameters[keep],
        )
        self.updater.keep(keep)
        self.sites = [site and site.keep(keep) for site in self.sites]
        self.exact = [site and site.keep(keep) for site in self.exact]
        self.batches.keep(seeds)
        self.training_set.keep(seeds)
        self._allocate()

    def test_score(self) -> Array:
        """Accuracy on the test part, (R,); for regression the mean R² of the outputs."""
        data = Chunks(
            self.problem.test_inputs, self.problem.test_targets, self.network.parameters.dtype
        )
        spaces = {
            n: Workspace(
                self.network.sizes, len(self.seeds), self.rates, n, self.network.parameters.dtype
            )
            for n in data.sizes()
        }
        guesses, truths = [], []
        for work in data.load(spaces):
            guesses.append(work.by_seed(self.network.forward(work)).astype(np.float64))
            truths.append(work.targets.astype(np.float64))
        y, t = np.concatenate(guesses, axis=-1), np.concatenate(truths, axis=-1)
        return _score(self.problem, y, t).reshape(-1)


def _score(problem: Problem, y: Array, t: Array) -> Array:
    """Score outputs y (S, K, outputs, m) against targets t (S or 1, 1, outputs, m)."""
    if problem.task == "regression":
        spread = ((t - t.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        return (1.0 - ((y - t) ** 2).sum(axis=-1) / spread).mean(axis=-1)
    if problem.task == "classification" and y.shape[-2] > 1:
        right = y.argmax(axis=-2) == t.argmax(axis=-2)
    else:
        right = ((y > problem.threshold) == (t > problem.threshold)).all(axis=-2)
    return right.mean(axis=-1)
