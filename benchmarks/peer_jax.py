"""JAX as an expert writes it.

One network's update, under vmap over seeds and, within, over learning rates, so that the rates of
a seed share its batch; lax.scan over the updates of an epoch, two at a time on small networks; one
compiled function, whose buffers are donated; a loss whose derivative is short. Parameters are a
tree of arrays, or one flat row a replica where that was measured to be quicker: for adam on the
smaller networks.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from benchmarks.workloads import Job, Trainer
from study.learning import Array

UNROLLED_BELOW = 16_384  # parameters; saves copies of the carried state, above it makes them
FLAT_BELOW = 2048  # parameters; above, putting the row together costs more than it saves


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job, its gradient by `jax.grad`."""
    return _trainer(job, jax.grad(partial(_loss, job.work.output)))


def prepare_by_hand(job: Job) -> Trainer:
    """Return the trainer of a job, its gradient written out as this project does."""
    return _trainer(job, partial(_gradient, job.work.output))


def _trainer(job: Job, gradient: Callable[..., Any]) -> Trainer:
    jax.config.update("jax_enable_x64", job.inputs.dtype == "float64")
    inputs, targets = jnp.asarray(job.inputs), jnp.asarray(job.targets)
    rates = jnp.asarray(job.rates, inputs.dtype)
    orders = [jnp.asarray(order, jnp.int32) for order in job.orders]
    grouped = job.start.reshape(len(job.seeds), len(job.rates), -1)
    to_tree = ravel_pytree([(w[0], b[0]) for w, b in job.layers()])[1]  # of a job's row
    flat = job.optimizer == "adam" and grouped.shape[2] <= FLAT_BELOW
    unroll = 2 if grouped.shape[2] <= UNROLLED_BELOW else 1  # 4 is no quicker than 2
    if flat:
        start, found = jnp.asarray(grouped), lambda p, x, t: _row(gradient(to_tree(p), x, t))
    else:
        start, found = jax.vmap(jax.vmap(to_tree))(grouped), gradient
    by_seed = None if job.full else 0
    kept: tuple[int, ...]
    if job.optimizer == "adam":
        one_update, kept = partial(_adam, found, job.epsilon), (0, 0, 0)
    else:
        one_update, kept = partial(_sgd, found), (0,)
    update = jax.vmap(one_update, (kept, 0, None, None, None))
    update = jax.vmap(update, (kept, None, None, by_seed, by_seed))

    def step(state: Any, chosen: Any) -> tuple[Any, None]:
        x, t = (inputs, targets) if job.full else (inputs[chosen], targets[chosen])
        number, carried = state[0] + 1, state[1]
        return (number, update(carried, rates, number.astype(rates.dtype), x, t)), None

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, order: Any) -> Any:
        if job.full:
            return lax.scan(step, state, None, length=job.round, unroll=unroll)[0]
        batches = order.reshape(len(job.seeds), -1, job.work.batch).swapaxes(0, 1)  # (-, S, B)
        return lax.scan(step, state, batches, unroll=unroll)[0]

    def run(rounds: int) -> Array:
        makers = (jnp.array, jnp.zeros_like, jnp.zeros_like)  # copies: donated, so written to
        carried = tuple(jax.tree.map(make, start) for make, _ in zip(makers, kept, strict=False))
        state = jnp.zeros((), jnp.int32), carried
        for number in range(rounds):
            state = epoch(state, orders[number % len(orders)])
        trained = jax.block_until_ready(state[1][0])
        rows = trained if flat else jax.vmap(jax.vmap(_row))(trained)
        return np.asarray(rows).reshape(job.start.shape)

    return run


def _row(tree: Any) -> Any:
    return ravel_pytree(tree)[0]


def _loss(output: str, params: Any, x: Any, t: Any) -> Any:
    *hidden, (w, b) = params
    for weights, bias in hidden:
        x = jnp.tanh(x @ weights + bias)
    z = x @ w + b  # (B, outputs)
    if output == "softmax":
        return (jax.nn.logsumexp(z, axis=1) - (t * z).sum(axis=1)).mean()
    # three times as fast as softplus(z) - t z, whose derivative is long
    terms = jnp.maximum(z, 0) + jnp.log1p(jnp.exp(-jnp.abs(z))) - t * z
    return terms.sum() / len(t)


def _gradient(output: str, params: Any, x: Any, t: Any) -> Any:
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


def _sgd(gradient: Any, state: Any, rate: Any, number: Any, x: Any, t: Any) -> Any:
    (params,) = state
    return (jax.tree.map(lambda p, g: p - rate * g, params, gradient(params, x, t)),)


def _adam(gradient: Any, eps: float, state: Any, rate: Any, number: Any, x: Any, t: Any) -> Any:
    params, mean, square = state
    found = gradient(params, x, t)
    step = rate * jnp.sqrt(1 - 0.999**number) / (1 - 0.9**number)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, found)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * (g * g), square, found)
    change = jax.tree.map(lambda m, v: step * m / (jnp.sqrt(v) + eps), mean, square)
    return jax.tree.map(jnp.subtract, params, change), mean, square
