"""A stack of networks: outputs, objectives, gradients and the inputs of layers, without optimizer.

Its R replicas are one `Network` at different weights: S seeds × K learning rates, r = seed K +
rate. The K replicas of a seed share its patterns.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from study.learning import Array
from study.learning.activations.base import Activation
from study.learning.core import loops
from study.learning.core.fixed import sums
from study.learning.core.kernels import as_kernel, settled
from study.learning.core.network import Layer, make_workspace, with_ones
from study.learning.core.placement import constants_of, keys_of, layer_of, with_error
from study.learning.design import Network
from study.learning.problem import Problem
from study.learning.rules import EXACT
from study.learning.rules.base import Gradient, LayerContext
from study.learning.variants import Variant

Rules = Sequence[Variant[Gradient] | None]
Layers = tuple[Layer, Layer]


class Stack:
    """One network at R parameter vectors (R, P), at which rules that prepare do so.

    `replicas` are the seeds, (R,): S times K equal ones. `prepared` are the constants of the rules
    in hidden layers and at the output, as another stack's ``rules`` have them.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        replicas: Sequence[int],
        parameters: Array,
        prepared: tuple[Array, Array] | None = None,
    ) -> None:
        self.problem, self.parameters = problem, parameters
        self.replicas, self.seeds = list(replicas), list(dict.fromkeys(replicas))
        self.activations = (network.forward, network.output(problem.widths[1]))
        self.widths = (problem.widths[0], *network.hidden, problem.widths[1])
        self.sizes, dtype = np.array(self.widths), parameters.dtype
        self.data = loops.Patterns(
            with_ones(problem.inputs, dtype), np.ascontiguousarray(problem.targets, dtype=dtype)
        )
        self.terms = as_kernel("terms", network.objective.terms).at(dtype)
        self.work = make_workspace(self.sizes, loops.CHUNK, dtype)
        self._settled: dict[Any, Callable[..., Any]] = {}
        rules = network.rules()
        self.exact = self._layers([EXACT if rule is not None else None for rule in rules])
        hidden, output = self._layers(rules)
        changed = with_error(output, network.objective, self.activations[1], dtype)
        self.rules = hidden, changed
        if prepared is not None:
            hidden, output = self.rules
            self.rules = (
                hidden._replace(constants=prepared[0]),
                output._replace(constants=prepared[1]),
            )

    def _layers(self, rules: Rules) -> Layers:
        """Return the hidden layers and the output under these rules, as the loops know them."""
        top = len(rules) - 1
        lowest = next((at for at in range(top) if rules[at] == rules[top - 1]), 0)
        return (
            self._layer(self.activations[0], rules[top - 1] if top else None, range(lowest, top)),
            self._layer(self.activations[1], rules[top], range(top, top + 1)),
        )

    def _layer(
        self, activation: Activation, rule: Variant[Gradient] | None, where: range
    ) -> Layer:
        depth, placed = len(self.sizes) - 1, rule or EXACT
        constants = [
            self._constants(placed, LayerContext(activation, at == depth - 2, placed.values), at)
            for at in where
        ]
        width = max((row.shape[1] for row in constants), default=0)
        laid_out = np.zeros((depth, len(self.replicas), width))
        keys = np.zeros((depth, len(self.replicas)), np.uint64)
        for at, row in zip(where, constants, strict=True):
            laid_out[at] = row
            keys[at] = keys_of(placed, self.replicas, at)
        lowest = where.start if where else 0
        return layer_of(activation, rule, laid_out, keys, self.parameters.dtype, lowest)

    def _constants(self, rule: Variant[Gradient], layer: LayerContext, at: int) -> Array:
        """Return the constants of a rule at layer number `at`, (R or 1, N), prepared ones too.

        A rule prepares from the whole training set at the initial weights, replica by replica to
        save memory. The K replicas of a seed mostly begin alike, and then one is looked at.
        """
        if rule.record.prepare is None:
            return constants_of(rule, layer)
        per_seed = len(self.replicas) // len(self.seeds)
        layers = self._layers([EXACT] * (len(self.sizes) - 1))
        found: list[Array] = []
        for r in range(len(self.replicas)):
            mine = self.parameters[r : r + 1]
            if r % per_seed and np.array_equal(mine, self.parameters[r - 1 : r]):
                found.append(found[-1])
                continue
            s = r // per_seed if len(self.data.inputs) > 1 else 0
            z, _ = loops.layer_inputs(
                self.sizes, mine, self.data.inputs[s : s + 1], *layers, at, self.work
            )
            found.append(constants_of(rule, layer, z))
        return np.concatenate(found)

    def objective(self, alive: Array | None = None) -> Array:
        """Return the objective on the whole training set, (R,); NaN of those not `alive`."""
        asked = np.ones(len(self.parameters), bool) if alive is None else alive
        data = (self.data, *self.rules, self.terms, self.work)
        return self._call(loops.objectives, self.sizes, self.parameters, asked, *data)

    def _call(self, function: Any, *arguments: Any) -> Any:
        """Call a compiled function, whose arguments have the same types each time."""
        if function not in self._settled:
            self._settled[function] = settled(function, *arguments)
        return self._settled[function](*arguments)

    def gradient(
        self, layers: Layers, patterns: int, step: int = 0, parameters: Array | None = None
    ) -> Array:
        """Return the gradient (R, P) on the first patterns, under ``rules`` or ``exact``.

        For rules of chance `step` is the number of the update.
        """
        w = self.parameters if parameters is None else parameters
        data = loops.Patterns(
            np.ascontiguousarray(self.data.inputs[:, :, :patterns]),
            np.ascontiguousarray(self.data.targets[:, :patterns]),
        )
        return loops.gradients(self.sizes, w, data, *layers, step, self.work)

    def net_inputs(self, layer: int) -> Array:
        """Return the net inputs of a layer (from 0) on the training set, (R, units, n)."""
        inputs = self.data.inputs
        return loops.layer_inputs(
            self.sizes, self.parameters, inputs, *self.rules, layer, self.work
        )[0]

    def outputs(self, inputs: Array) -> Array:
        """Return the outputs for inputs (1 or S, n, d): (R, outputs, n)."""
        x = with_ones(inputs, self.parameters.dtype)
        top = len(self.sizes) - 2
        rest = (*self.rules, top, self.work)
        return self._call(loops.layer_inputs, self.sizes, self.parameters, x, *rest)[1]

    def hidden_layer(self, layer: int, patterns: int) -> tuple[Array, Array]:
        """Return y and f'(z) of a hidden layer on the first `patterns`: (R, units, patterns)."""
        x = np.ascontiguousarray(self.data.inputs[:, :, :patterns])
        hidden, below = self.rules[0], self.sizes[: layer + 2]  # nothing above it is computed
        z, y = loops.layer_inputs(below, self.parameters, x, hidden, hidden, layer, self.work)
        return y, loops.slopes(z, y, hidden.units.slope, hidden.units.constants)

    def test_score(self) -> Array:
        """Return the accuracy on the test part, (R,); for regression the outputs' mean R²."""
        return self._scored(*self._tested())

    def halves_scored(self) -> Array:
        """Return the scores of the first and the second half of the test part, (R, 2)."""
        y, t = self._tested()
        middle = t.shape[-1] // 2
        halves = (slice(None, middle), slice(middle, None))
        return np.stack([self._scored(y[..., h], t[..., h]) for h in halves], axis=1)

    def _tested(self) -> tuple[Array, Array]:
        """Return outputs and targets of the test part, (R, outputs, patterns)."""
        problem = self.problem
        y = self.outputs(problem.test_inputs).astype(np.float64)
        t = problem.test_targets.swapaxes(1, 2)
        return y, np.repeat(t, len(y) // len(t), axis=0)

    def _scored(self, y: Array, t: Array) -> Array:
        problem = self.problem
        if problem.task == "regression":
            spread = sums((t - sums(t)[..., None] / t.shape[-1]) ** 2)
            return sums(1.0 - sums((y - t) ** 2) / spread) / t.shape[1]
        if problem.task == "classification" and y.shape[1] > 1:
            right = y.argmax(axis=1) == t.argmax(axis=1)
        else:
            right = ((y > problem.threshold) == (t > problem.threshold)).all(axis=1)
        return right.mean(axis=-1)
