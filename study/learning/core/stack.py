"""A stack of replicas: parameters, data, optimizer, and the layers as the loops know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import seeds
from study.learning.activations.base import Activation
from study.learning.core import loops
from study.learning.core.kernels import as_kernel
from study.learning.core.network import Layer, make_room, with_ones
from study.learning.core.placement import keys_of, layer_of, numbers_of
from study.learning.objectives import Objective
from study.learning.optimizers import Updater
from study.learning.problem import Problem
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient, Site
from study.learning.variants import Variant

Array = NDArray[Any]
Rules = Sequence[Variant[Gradient] | None]
UPDATES_A_CALL = 1024  # of the compiled loop, for which the rates are laid out


class Stack:
    """S seeds × K learning rates.

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
        The gradient modification of each layer, None where no factor stands in the delta: at
        linear outputs and with the cross-entropies. All hidden layers have one rule.
    replicas
        Seed of each replica, (R,): S times K equal ones.
    batch_size
        Patterns in a batch.
    parameters
        (R, P), the initial ones; changed in place.
    updater
        The optimizer of these parameters.
    order
        (S, n), an order of the patterns for all epochs, which the caller may change in between;
        None for a fresh one each epoch.
    alpha
        Strength of the penalty on the weights, see `loops.Loss`.
    account
        Keep an account of the loss that updates meet, see `met`.
    begun
        Updates that were taken before, in another stack; they count for random rules.
    """

    def __init__(
        self,
        problem: Problem,
        hidden: Sequence[int],
        activation: Activation,
        output: Activation,
        objective: Objective,
        rules: Rules,
        replicas: Sequence[int],
        batch_size: int,
        parameters: Array,
        updater: Updater,
        order: Array | None = None,
        alpha: float = 0.0,
        account: bool = False,
        begun: int = 0,
    ) -> None:
        self.problem, self.updater, self.parameters = problem, updater, parameters
        self.activations = (activation, output)
        self.seeds = list(dict.fromkeys(replicas))
        self.widths = (problem.widths[0], *hidden, problem.widths[1])
        self.sizes = np.array(self.widths)
        self.alive = np.ones(len(parameters), bool)
        self.step = begun
        dtype = parameters.dtype
        self.data = _patterns(problem.inputs, problem.targets, dtype)
        given = np.empty((0, problem.inputs.shape[1]), np.int64) if order is None else order
        keys = seeds.stream_keys(self.seeds, "batches")
        self.batches = loops.Batches(batch_size, keys, given, begun)
        self.terms = as_kernel("terms", objective.terms).at(dtype)
        met = np.zeros((len(parameters) if account else 0, 2))
        self.loss = loops.Loss(self.terms, float(alpha), met)
        self.replicas = list(replicas)
        self.work = loops.make_work(self.sizes, parameters, self.data, batch_size)
        self.room = make_room(self.sizes, loops.CHUNK, dtype)
        self.exact = self.layers([EXACT if rule is not None else None for rule in rules])
        self.rules = self.layers(rules)

    def layers(self, rules: Rules) -> tuple[Layer, Layer]:
        """Return what the loops know of the hidden layers and of the output, under these rules."""
        at_hidden, at_output = (rules[0] if len(rules) > 1 else None), rules[-1]
        return (
            self._layer(self.activations[0], at_hidden, range(len(rules) - 1)),
            self._layer(self.activations[1], at_output, range(len(rules) - 1, len(rules))),
        )

    def _layer(
        self, activation: Activation, rule: Variant[Gradient] | None, where: range
    ) -> Layer:
        depth, stands = len(self.sizes) - 1, rule or EXACT
        numbers = [
            self._numbers(stands, Site(activation, at == depth - 2, stands.values), at)
            for at in where
        ]
        width = max((n.shape[1] for n in numbers), default=0)
        laid_out = np.zeros((depth, len(self.replicas), width))
        keys = np.zeros((depth, len(self.replicas)), np.uint64)
        for at, row in zip(where, numbers, strict=True):
            laid_out[at] = row
            keys[at] = keys_of(stands, self.replicas, at)
        return layer_of(activation, rule, laid_out, keys, self.parameters.dtype)

    def _numbers(self, rule: Variant[Gradient], site: Site, at: int) -> Array:
        """Return the numbers of a rule at a layer, (R or 1, N), those it prepares included.

        It prepares them from the whole training set at the initial weights, replica by replica to
        save memory; the K replicas of a seed begin alike as a rule, and then one is looked at.
        """
        if rule.record.prepare is None:
            return numbers_of(rule, site)
        per_seed = len(self.replicas) // len(self.seeds)
        layers = self.layers([EXACT] * (len(self.sizes) - 1))
        found: list[Array] = []
        for r in range(len(self.replicas)):
            mine = self.parameters[r : r + 1]
            if r % per_seed and np.array_equal(mine, self.parameters[r - 1 : r]):
                found.append(found[-1])
                continue
            s = r // per_seed if len(self.data.inputs) > 1 else 0
            z, _ = loops.layer_inputs(
                self.sizes, mine, self.data.inputs[s : s + 1], *layers, at, self.room
            )
            found.append(numbers_of(rule, site, z))
        return np.concatenate(found)

    def advance(self, schedule: Sequence[float]) -> None:
        """Take ``len(schedule)`` updates, with the learning rates times its entries."""
        replicas = loops.Replicas(self.parameters, self.updater.state, self.alive)
        for begin in range(0, len(schedule), UPDATES_A_CALL):
            part = schedule[begin : begin + UPDATES_A_CALL]
            rates = self.updater.rates(part)
            loops.advance(
                self.sizes,
                replicas,
                self.data,
                self.batches,
                *self.rules,
                self.loss,
                self.updater.kernel,
                rates,
                self.updater.numbers,
                self.step,
                self.work,
            )
            self.step += len(part)

    def met(self) -> Array:
        """Return what updates met since the last call, (R, 2); see `loops.Loss`."""
        found = self.loss.met.copy()
        self.loss.met[:] = 0.0
        return found

    def objective(self) -> Array:
        """Return the objective on the whole training set, (R,); NaN of replicas that left."""
        replicas = loops.Replicas(self.parameters, self.updater.state, self.alive)
        return loops.objectives(
            self.sizes, replicas, self.data, *self.rules, self.terms, self.room
        )

    def gradient(
        self, layers: tuple[Layer, Layer], patterns: int, parameters: Array | None = None
    ) -> Array:
        """Return the gradient of each replica on the first `patterns`, (R, P).

        At other `parameters` (R, P) than the stack's where these are given.
        """
        here = self.parameters if parameters is None else parameters
        data = loops.Patterns(
            np.ascontiguousarray(self.data.inputs[:, :patterns]),
            np.ascontiguousarray(self.data.targets[:, :patterns]),
        )
        return loops.gradients(self.sizes, here, data, *layers, self.step, self.room)

    def outputs(self, inputs: Array) -> Array:
        """Return the outputs for inputs (1 or S, n, d): (R, outputs, n)."""
        x = with_ones(inputs, self.parameters.dtype)
        top = len(self.sizes) - 2
        return loops.layer_inputs(self.sizes, self.parameters, x, *self.rules, top, self.room)[1]

    def layer(self, layer: int, patterns: int) -> tuple[Array, Array]:
        """Return y and f'(z) of a hidden layer on the first `patterns`: (R, units, patterns)."""
        x = np.ascontiguousarray(self.data.inputs[:, :patterns])
        here, below = self.rules[0], self.sizes[: layer + 2]  # nothing above it is computed
        z, y = loops.layer_inputs(below, self.parameters, x, here, here, layer, self.room)
        return y, loops.slopes(z, y, here.slope, here.numbers)

    def test_score(self) -> Array:
        """Return the accuracy on the test part, (R,); for regression the outputs' mean R²."""
        problem = self.problem
        y = self.outputs(problem.test_inputs).astype(np.float64)
        t = problem.test_targets.swapaxes(1, 2)
        t = np.repeat(t, len(y) // len(t), axis=0)
        if problem.task == "regression":
            spread = ((t - t.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
            return (1.0 - ((y - t) ** 2).sum(axis=-1) / spread).mean(axis=-1)
        if problem.task == "classification" and y.shape[1] > 1:
            right = y.argmax(axis=1) == t.argmax(axis=1)
        else:
            right = ((y > problem.threshold) == (t > problem.threshold)).all(axis=1)
        return right.mean(axis=-1)


def _patterns(inputs: Array, targets: Array, dtype: Any) -> loops.Patterns:
    return loops.Patterns(with_ones(inputs, dtype), np.ascontiguousarray(targets, dtype=dtype))
