"""Random nets as Bertoin et al. (2021) drew them, and where relu'(0) changes their gradients."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reports.questions.r2_relu_at_zero.arithmetic import DRAWN_BITS, Arithmetic, uniform
from study.learning import Array

BATCH = 256
OUTPUTS = 10
ARMS = (("scale", 0.5), ("scale", 1.0), ("overwrite", 0.5), ("overwrite", 1.0))
"""What stands at a net input of exactly 0: α times the signal, or α in its place."""


@dataclass(frozen=True)
class Net:
    """Hidden layers of relu, and an output layer that stands on any of them.

    Parameters
    ----------
    hidden
        Weights (n_in, units) and biases (units,) of each layer.
    output
        Weights (units, 10) and biases; the net of depth d is the first d layers and this one.
    """

    hidden: Sequence[tuple[Array, Array]]
    output: tuple[Array, Array]


def drawn(seed: int, inputs: int, width: int, depth: int, arithmetic: Arithmetic) -> Net:
    """Return a net with weights and biases from U(-r, r), r = 1 / √n_in, as PyTorch draws them."""
    rng = np.random.default_rng([seed, width])

    def layer(n_in: int, n_out: int) -> tuple[Array, Array]:
        reach = n_in**-0.5
        draws = rng.integers(0, 2**DRAWN_BITS, (n_in + 1, n_out))
        both = arithmetic.rounded(uniform(draws, reach))
        return both[:-1], both[-1]

    output = layer(width, OUTPUTS)
    return Net([layer(a, b) for a, b in pairwise([inputs, *[width] * depth])], output)


def net_inputs(net: Net, inputs: Array, arithmetic: Arithmetic) -> Iterator[Array]:
    """Yield the net inputs (n, units) of each hidden layer."""
    y = inputs
    for weights, bias in net.hidden:
        z = arithmetic.layer(y, weights, bias)
        yield z
        y = np.maximum(z, 0)


def gradient(
    net: Net,
    depth: int,
    inputs: Array,
    labels: NDArray[np.int64],
    arm: tuple[str, float] | None,
    arithmetic: Arithmetic,
) -> Array:
    """Return ∂J/∂W of the first layer (d, units), J the mean cross-entropy of a softmax.

    Where a net input is exactly 0 the signal is 0 (`arm` None), or as `ARMS` says.
    """
    z = list(net_inputs(Net(net.hidden[:depth], net.output), inputs, arithmetic))
    logits = arithmetic.layer(np.maximum(z[-1], 0), *net.output)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = arithmetic.rounded(powers / powers.sum(axis=1, keepdims=True))
    error[np.arange(len(labels)), labels] -= 1
    signal = arithmetic.rounded(error / error.dtype.type(len(labels)))
    above = [weights for weights, _ in net.hidden[1:depth]] + [net.output[0]]
    for layer in range(depth - 1, -1, -1):
        signal = arithmetic.product(signal, above[layer].T)
        zero = z[layer] == 0
        slope = (z[layer] > 0).astype(signal.dtype)
        if arm is not None and arm[0] == "scale":
            slope[zero] = arm[1]
        signal = arithmetic.rounded(signal * slope)
        if arm is not None and arm[0] == "overwrite":
            signal[zero] = arm[1]
    return arithmetic.product(inputs.T, signal)


def differing(
    net: Net,
    depths: Sequence[int],
    inputs: Array,
    labels: NDArray[np.int64],
    arithmetic: Arithmetic,
) -> dict[tuple[int, str, float], bool]:
    """Tell for each depth and arm whether the first layer's gradient differs in any batch.

    It goes through the inputs in batches of `BATCH` at the same weights. A net without a net
    input of exactly 0 cannot differ, so gradients are computed where there is one.
    """
    open_ = {(depth, *arm): False for depth in depths for arm in ARMS}
    for at in range(0, len(inputs), BATCH):
        x, t = inputs[at : at + BATCH], labels[at : at + BATCH]
        undecided = [depth for (depth, *_), differs in open_.items() if not differs]
        tried = Net(net.hidden[: max(undecided)], net.output)
        zeros = [bool((z == 0).any()) for z in net_inputs(tried, x, arithmetic)]
        for depth in sorted(set(undecided)):
            arms = [arm for arm in ARMS if not open_[(depth, *arm)]]
            if not any(zeros[:depth]) or not arms:
                continue
            usual = gradient(net, depth, x, t, None, arithmetic)
            for arm in arms:
                other = gradient(net, depth, x, t, arm, arithmetic)
                open_[(depth, *arm)] = not np.array_equal(usual, other)
        if all(open_.values()):
            break
    return open_


def zero_rates(net: Net, inputs: Array, arithmetic: Arithmetic) -> Array:
    """Return the chance of an exact 0 in each layer, a net input, averaged over its bias.

    The bias is added last, so a net input is exactly 0 where the bias is minus the sum before it.
    The sum does not depend on the bias, so the chance is known for each sum.
    """
    found, y = [], inputs
    for weights, bias in net.hidden:
        sums = arithmetic.product(y, weights)
        found.append(float(arithmetic.hit(sums, weights.shape[0] ** -0.5).mean()))
        y = np.maximum(arithmetic.layer(y, weights, bias), 0)
    return np.array(found)
