"""PyTorch, one network after the other: nn.Module, autograd, the fused optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.workloads import Job, Trainer, joined

Array = NDArray[Any]


def settle(job: Job) -> torch.dtype:
    """One thread, and denormals as zeros; return the job's type."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(job.dtype == "float32")
    return getattr(torch, job.dtype)


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    dtype = settle(job)
    inputs, targets = torch.from_numpy(job.inputs), torch.from_numpy(job.targets)
    loss: nn.Module
    if job.output == "softmax":
        targets = targets.argmax(dim=1)
        loss = nn.CrossEntropyLoss()
    else:
        loss = nn.BCEWithLogitsLoss()
    scale = 1.0 if job.output == "softmax" else float(job.widths[-1])  # their mean is over outputs
    orders = [torch.from_numpy(order) for order in job.orders]

    def train_one(replica: int, rounds: int) -> nn.Sequential:
        seed, rate = divmod(replica, len(job.rates))
        net = _network(job, replica, dtype)
        optimizer = _optimizer(job, net, job.rates[rate])
        for number in range(rounds):
            if job.full:
                batches = [(inputs, targets)] * job.round
            else:
                order = orders[number % len(orders)][seed]
                batches = list(
                    zip(
                        inputs[order].split(job.batch),
                        targets[order].split(job.batch),
                        strict=True,
                    )
                )
            for x, t in batches:
                optimizer.zero_grad()
                value = loss(net(x), t)
                (value if scale == 1.0 else value * scale).backward()
                optimizer.step()
        return net

    def train(rounds: int) -> Array:
        return _rows([train_one(replica, rounds) for replica in range(job.replicas)])

    return Trainer(train)


def _network(job: Job, replica: int, dtype: torch.dtype) -> nn.Sequential:
    layers: list[nn.Module] = []
    for start in job.layers():
        linear = nn.Linear(start.shape[1] - 1, start.shape[2], dtype=dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(start[replica, :-1].T.copy()))
            linear.bias.copy_(torch.from_numpy(start[replica, -1].copy()))
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _optimizer(job: Job, net: nn.Module, rate: float) -> torch.optim.Optimizer:
    if job.optimizer == "adam":
        return torch.optim.Adam(net.parameters(), lr=rate, eps=job.epsilon, fused=True)
    return torch.optim.SGD(net.parameters(), lr=rate, fused=True)


def _rows(nets: list[nn.Sequential]) -> Array:
    linears = [[layer for layer in net if isinstance(layer, nn.Linear)] for net in nets]
    per_layer = list(zip(*linears, strict=True))
    with torch.no_grad():
        return joined(
            [np.stack([one.weight.numpy().T for one in layer]) for layer in per_layer],
            [np.stack([one.bias.numpy() for one in layer]) for layer in per_layer],
        )
