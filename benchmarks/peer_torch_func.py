"""PyTorch with the replicas stacked by torch.func: vmap over grad, batches shared by the rates."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.func import grad, vmap

from benchmarks.peer_torch import settle
from benchmarks.workloads import Job, Trainer, joined

Array = NDArray[Any]


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    dtype = settle(job)
    inputs, targets = torch.from_numpy(job.inputs), torch.from_numpy(job.targets)
    if job.output == "softmax":
        targets = targets.argmax(dim=1)
    orders = [torch.from_numpy(order) for order in job.orders]
    layers = len(job.widths) - 1

    def loss(params: tuple[torch.Tensor, ...], x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        for layer in range(layers - 1):
            x = torch.tanh(x @ params[2 * layer] + params[2 * layer + 1])
        z = x @ params[-2] + params[-1]
        if job.output == "softmax":
            return F.cross_entropy(z, t)
        return F.binary_cross_entropy_with_logits(z, t, reduction="sum") / len(t)

    shared = (0, None, None) if job.full else (0, 0, 0)
    gradient = vmap(vmap(grad(loss), (0, None, None)), shared)  # over seeds, and over rates

    def run(rounds: int) -> Array:
        params = _parameters(job)
        step = _adam(job, params) if job.optimizer == "adam" else _sgd(job, params, dtype)
        for number in range(rounds):
            order = orders[number % len(orders)].view(len(job.seeds), -1, job.batch)
            for update in range(job.round):
                if job.full:
                    found = gradient(tuple(params), inputs, targets)
                else:
                    chosen = order[:, update]
                    found = gradient(tuple(params), inputs[chosen], targets[chosen])
                step(found)
        rows = [p.flatten(0, 1).numpy() for p in params]
        return joined(rows[::2], rows[1::2])

    return Trainer(run)


def _parameters(job: Job) -> list[torch.Tensor]:
    """Weights and biases of each layer in turn, (S, K, ...)."""
    found = []
    for layer in job.layers():
        grouped = layer.reshape(len(job.seeds), len(job.rates), *layer.shape[1:])
        for part in (grouped[:, :, :-1], grouped[:, :, -1]):
            found.append(torch.from_numpy(np.array(part)))
    return found


def _by_rate(rates: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return rates.view(1, -1, *[1] * (like.ndim - 2))


def _sgd(job: Job, params: list[torch.Tensor], dtype: torch.dtype) -> Any:
    minus = -torch.tensor(job.rates, dtype=dtype)
    scales = [_by_rate(minus, p) for p in params]

    def step(gradient: tuple[torch.Tensor, ...]) -> None:
        torch._foreach_addcmul_(params, list(gradient), scales)

    return step


def _adam(job: Job, params: list[torch.Tensor]) -> Any:
    rates = torch.tensor(job.rates, dtype=params[0].dtype)
    mean, square = ([torch.zeros_like(p) for p in params] for _ in range(2))
    count = 0

    def step(gradient: tuple[torch.Tensor, ...]) -> None:
        nonlocal count
        count += 1
        scale = -rates * ((1 - 0.999**count) ** 0.5 / (1 - 0.9**count))
        found = list(gradient)
        torch._foreach_lerp_(mean, found, 0.1)
        torch._foreach_mul_(square, 0.999)
        torch._foreach_addcmul_(square, found, found, 0.001)
        root = torch._foreach_sqrt(square)
        torch._foreach_add_(root, job.epsilon)
        ratio = torch._foreach_div(mean, root)
        torch._foreach_addcmul_(params, ratio, [_by_rate(scale, p) for p in params])

    return step
