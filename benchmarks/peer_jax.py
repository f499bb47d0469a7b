"""JAX as an expert writes it.

vmap over seeds and, within, over learning rates, so that the rates of a seed share its batch;
lax.scan over the updates of an epoch, two at a time on small networks; one compiled function,
whose buffers are donated; a loss whose derivative is short. Parameters are a tree of arrays, or
one flat row a replica where that was measured to be quicker: for adam on the smaller networks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from benchmarks.workloads import FULL_ROUND, Job, Trainer, joined

Array = NDArray[Any]
UNROLLED_BELOW = 16_384  # parameters; saves copies of the carried state, above it makes them
FLAT_BELOW = 2048  # parameters; above, putting the row together costs more than it saves


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job, its gradient by `jax.grad`."""
    return _trainer(job, jax.grad(_loss(job.output)))


def prepare_by_hand(job: Job) -> Trainer:
    """Return the trainer of a job, its gradient written out as this project does."""
    return _trainer(job, _gradient(job.output))


def _trainer(job: Job, gradient: Callable[..., Any]) -> Trainer:
    jax.config.update("jax_enable_x64", job.dtype == "float64")
    flat = job.optimizer == "adam" and job.start.shape[1] <= FLAT_BELOW
    down, across = len(job.seeds), len(job.rates)
    inputs, targets = jnp.asarray(job.inputs), jnp.asarray(job.targets)
    rates = jnp.asarray(job.rates, inputs.dtype)
    orders = [jnp.asarray(order, jnp.int32) for order in job.orders]
    unroll = 2 if job.start.shape[1] <= UNROLLED_BELOW else 1  # 4 is no quicker than 2
    update = _adam(job.epsilon) if job.optimizer == "adam" else _sgd
    params = _parameters(job)
    unravel: Callable[..., Any] = lambda p: p  # noqa: E731
    one_gradient = gradient
    if flat:
        _, unravel = ravel_pytree(jax.tree.map(lambda a: a[0, 0], params))
        params = jax.vmap(jax.vmap(lambda p: ravel_pytree(p)[0]))(params)

        def one_gradient(p: Any, x: Any, t: Any) -> Any:
            return ravel_pytree(gradient(unravel(p), x, t))[0]

    by_rate = jax.vmap(one_gradient, (0, None, None))
    by_seed = jax.vmap(by_rate, (0, None, None) if job.full else (0, 0, 0))

    def step(state: Any, chosen: Any) -> tuple[Any, None]:
        x, t = (inputs, targets) if job.full else (inputs[chosen], targets[chosen])
        return update(state, by_seed(state[0], x, t), rates), None

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, order: Any) -> Any:
        if job.full:
            return lax.scan(step, state, None, length=FULL_ROUND, unroll=unroll)[0]
        batches = order.reshape(down, -1, job.batch).swapaxes(0, 1)  # (updates, S, B)
        return lax.scan(step, state, batches, unroll=unroll)[0]

    def run(rounds: int) -> Array:
        # copies, for donated buffers are written to
        parts = 1 if job.optimizer == "sgd" else 3
        state = [
            jax.tree.map(jnp.array if i == 0 else jnp.zeros_like, params) for i in range(parts)
        ]
        if job.optimizer == "adam":
            state.append(jnp.zeros((), jnp.int32))
        carried = tuple(state)
        for number in range(rounds):
            carried = epoch(carried, orders[number % len(orders)])
        trained = jax.block_until_ready(carried[0])
        layers = jax.vmap(jax.vmap(unravel))(trained) if flat else trained
        return joined(
            [np.asarray(w).reshape(down * across, *w.shape[2:]) for w, _ in layers],
            [np.asarray(b).reshape(down * across, *b.shape[2:]) for _, b in layers],
        )

    return run


def _parameters(job: Job) -> list[tuple[Any, Any]]:
    shape = (len(job.seeds), len(job.rates))
    grouped = [layer.reshape(*shape, *layer.shape[1:]) for layer in job.layers()]
    return [(jnp.array(w[:, :, :-1]), jnp.array(w[:, :, -1])) for w in grouped]


def _loss(output: str) -> Callable[..., Any]:
    def loss(params: Any, x: Any, t: Any) -> Any:
        *hidden, (w, b) = params
        for weights, bias in hidden:
            x = jnp.tanh(x @ weights + bias)
        z = x @ w + b  # (B, outputs)
        if output == "softmax":
            return (jax.nn.logsumexp(z, axis=1) - (t * z).sum(axis=1)).mean()
        # three times as fast as softplus(z) - t z, whose derivative is long
        terms = jnp.maximum(z, 0) + jnp.log1p(jnp.exp(-jnp.abs(z))) - t * z
        return terms.sum() / len(t)

    return loss


def _gradient(output: str) -> Callable[..., Any]:
    def gradient(params: Any, x: Any, t: Any) -> Any:
        outputs = [x]
        for w, b in params[:-1]:
            outputs.append(jnp.tanh(outputs[-1] @ w + b))
        w, b = params[-1]
        z = outputs[-1] @ w + b
        y = jax.nn.softmax(z) if output == "softmax" else jax.nn.sigmoid(z)
        delta = (y - t) / len(t)
        found = []
        for layer in range(len(params) - 1, -1, -1):
            found.append((outputs[layer].T @ delta, delta.sum(axis=0)))
            if layer:
                delta = (delta @ params[layer][0].T) * (1 - outputs[layer] ** 2)
        return found[::-1]

    return gradient


def _by_rate(rates: Any, like: Any) -> Any:
    """Shape the K rates so that they multiply an array (S, K, ...)."""
    return rates.reshape(1, -1, *(1,) * (like.ndim - 2))


def _sgd(state: Any, gradient: Any, rates: Any) -> Any:
    (params,) = state
    return (jax.tree.map(lambda p, g: p - _by_rate(rates, p) * g, params, gradient),)


def _adam(epsilon: float) -> Callable[..., Any]:
    def update(state: Any, gradient: Any, rates: Any) -> Any:
        params, mean, square, count = state
        count = count + 1
        t = count.astype(rates.dtype)
        step = rates * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), square, gradient)
        params = jax.tree.map(
            lambda p, m, v: p - _by_rate(step, p) * m / (jnp.sqrt(v) + epsilon),
            params,
            mean,
            square,
        )
        return params, mean, square, count

    return update
