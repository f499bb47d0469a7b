"""PyTorch with the replicas stacked: bmm, gradients by hand, nothing allocated in the loop.

By hand because vmap and grad of torch.func cost two to three times more. The
learning rate leads, replica = rate * S + seed, so that the replicas of a rate are one contiguous
parameter group of PyTorch's own fused Adam. The output layer is class-major, for softmax over a
short last axis is ten times slower.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.workloads import Job, Trainer
from study.learning import Array


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(job.inputs.dtype == "float32")
    orders = torch.from_numpy(job.orders).view(len(job.orders), len(job.seeds), -1, job.work.batch)
    inputs, targets = torch.from_numpy(job.inputs), torch.from_numpy(job.targets)
    every = torch.arange(len(inputs)).expand(len(job.seeds), -1)

    @torch.no_grad()
    def train(rounds: int) -> Array:
        stack = Stack(job)
        if job.full:
            stack.load(inputs[every], targets[every])
        for number in range(rounds):
            for update in range(job.round):
                if not job.full:
                    chosen = orders[number % len(orders), :, update]
                    stack.load(inputs[chosen], targets[chosen])
                stack.update()
        return stack.rows()

    return train


class Stack:
    """The job's networks in training, from its start."""

    def __init__(self, job: Job) -> None:
        self.grouped = (len(job.rates), len(job.seeds))
        self.softmax = job.work.output == "softmax"
        replicas, batch, top = len(job.start), job.work.batch, len(job.work.widths) - 2
        self.places = np.arange(replicas).reshape(self.grouped[::-1]).T.ravel()  # in the job
        self.weights, self.biases = [], []
        for layer, parts in enumerate(job.layers()):
            w, b = (torch.from_numpy(part[self.places]) for part in parts)
            # at the top (R, classes, n_in)
            self.weights.append((w.mT if layer == top else w).contiguous())
            self.biases.append(b.unsqueeze(2 if layer == top else 1).contiguous())
        self.weight_grads = [torch.zeros_like(w) for w in self.weights]
        self.bias_grads = [torch.zeros_like(b) for b in self.biases]
        empty = self.weights[0].new_empty
        self.outputs, self.deltas, self.slopes = (
            [empty(replicas, batch, n) for n in job.work.widths[:-1]] for _ in range(3)
        )
        last = (replicas, job.work.widths[-1], batch)
        self.net, self.delta, self.targets = (empty(last) for _ in range(3))
        pairs = [
            *zip(self.weights, self.weight_grads, strict=True),
            *zip(self.biases, self.bias_grads, strict=True),
        ]
        self.step = (_adam if job.optimizer == "adam" else _sgd)(job, pairs)

    def load(self, x: torch.Tensor, t: torch.Tensor) -> None:
        """Broadcast batches (S, B, ...) over the rates."""
        self.outputs[0].unflatten(0, self.grouped).copy_(x)
        self.targets.unflatten(0, self.grouped).copy_(t.mT)

    def update(self) -> None:
        """Take one step."""
        outputs, weights, top = self.outputs, self.weights, len(self.weights) - 1
        for layer in range(top):
            out = outputs[layer + 1]
            torch.baddbmm(self.biases[layer], outputs[layer], weights[layer], out=out)
            out.tanh_()
        torch.baddbmm(self.biases[top], weights[top], outputs[top].mT, out=self.net)
        delta = self.delta
        if self.softmax:
            torch.softmax(self.net, dim=1, out=delta)
        else:
            torch.sigmoid(self.net, out=delta)
        delta.sub_(self.targets).mul_(1.0 / delta.shape[2])
        torch.bmm(delta, outputs[top], out=self.weight_grads[top])
        torch.sum(delta, dim=2, keepdim=True, out=self.bias_grads[top])
        torch.bmm(delta.mT, weights[top], out=self.deltas[top])
        for layer in range(top, 0, -1):
            y, below = outputs[layer], self.deltas[layer]
            torch.mul(y, y, out=self.slopes[layer])
            below.addcmul_(below, self.slopes[layer], value=-1.0)  # times 1 - y²
            torch.bmm(outputs[layer - 1].mT, below, out=self.weight_grads[layer - 1])
            torch.sum(below, dim=1, keepdim=True, out=self.bias_grads[layer - 1])
            if layer > 1:
                torch.bmm(below, weights[layer - 1].mT, out=self.deltas[layer - 1])
        self.step()

    def rows(self) -> Array:
        """Return the weights in the order of the job's replicas, (R, P)."""
        weights = [*self.weights[:-1], self.weights[-1].mT]
        layers = zip(weights, self.biases, strict=True)
        rows = torch.cat([part.flatten(1) for layer in layers for part in layer], dim=1)
        return rows.numpy()[np.argsort(self.places)]


def _sgd(job: Job, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> Callable[[], None]:
    rates = torch.tensor(job.rates, dtype=pairs[0][0].dtype).repeat_interleave(len(job.seeds))
    minus = -rates.view(-1, 1, 1)

    def step() -> None:
        for parameter, gradient in pairs:
            parameter.addcmul_(gradient, minus)

    return step


def _adam(job: Job, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> Callable[[], Any]:
    groups: list[dict[str, Any]] = [{"params": [], "lr": rate} for rate in job.rates]
    for whole, gradient in pairs:
        parts = (tensor.split(len(job.seeds)) for tensor in (whole, gradient))
        for group, part, part_gradient in zip(groups, *parts, strict=True):
            part.grad = part_gradient
            group["params"].append(part)
    return torch.optim.Adam(groups, eps=job.epsilon, fused=True).step
