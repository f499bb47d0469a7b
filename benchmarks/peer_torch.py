"""PyTorch with the replicas stacked: bmm, gradients by hand, nothing allocated in the loop.

By hand because vmap and grad of torch.func cost two to three times more. The
learning rate leads, replica = rate * S + seed, so that the replicas of a rate are one contiguous
parameter group of PyTorch's own fused Adam. The output layer is class-major, for softmax over a
short last axis is ten times slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.workloads import Job, Trainer

Array = NDArray[Any]


def prepare(job: Job) -> Trainer:
    """Return the trainer of a job."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(job.dtype == "float32")
    dtype = getattr(torch, job.dtype)
    orders = [torch.from_numpy(order) for order in job.orders]
    inputs = torch.from_numpy(job.inputs)
    targets = torch.from_numpy(job.targets)

    @torch.no_grad()
    def train(rounds: int) -> Array:
        stack = Stack(job, dtype)
        seeds = len(job.seeds)
        for number in range(rounds):
            if job.full:
                if number == 0:
                    stack.load(inputs.expand(seeds, -1, -1), targets.expand(seeds, -1, -1))
                for _ in range(job.round):
                    stack.update()
                continue
            order = orders[number % len(orders)].view(seeds, -1, job.batch)
            for update in range(job.round):
                chosen = order[:, update]
                stack.load(inputs[chosen], targets[chosen])
                stack.update()
        return stack.rows()

    return train


class Stack:
    """R networks in training.

    Parameters
    ----------
    job
        Which ones, and from where.
    dtype
        Of all tensors.
    """

    def __init__(self, job: Job, dtype: torch.dtype) -> None:
        down, across = self.grouped = (len(job.seeds), len(job.rates))
        replicas, batch, top = job.replicas, job.batch, len(job.widths) - 2
        self.softmax = job.output == "softmax"
        self.weights, self.biases = [], []
        for layer, start in enumerate(job.layers()):
            grouped = start.reshape(down, across, *start.shape[1:]).swapaxes(0, 1)
            rows = torch.from_numpy(np.ascontiguousarray(grouped)).flatten(0, 1)  # (K S, ...)
            w, b = rows[:, :-1], rows[:, -1:]
            if layer == top:
                w, b = w.mT, b.mT  # (R, classes, n_in)
            self.weights.append(w.contiguous())
            self.biases.append(b.contiguous())
        self.weight_grads = [torch.zeros_like(w) for w in self.weights]
        self.bias_grads = [torch.zeros_like(b) for b in self.biases]
        shapes = [(replicas, batch, n) for n in job.widths[:-1]]
        self.outputs = [torch.empty(shape, dtype=dtype) for shape in shapes]
        self.deltas = [torch.empty(shape, dtype=dtype) for shape in shapes]
        self.slopes = [torch.empty(shape, dtype=dtype) for shape in shapes]
        last = (replicas, job.widths[-1], batch)
        self.net, self.delta, self.targets = (torch.empty(last, dtype=dtype) for _ in range(3))
        self.step = self._adam(job) if job.optimizer == "adam" else self._sgd(job)

    def load(self, x: torch.Tensor, t: torch.Tensor) -> None:
        """Broadcast batches (S, B, ...) over the rates."""
        down, across = self.grouped
        self.outputs[0].view(across, down, *x.shape[1:]).copy_(x)
        self.targets.view(across, down, *t.mT.shape[1:]).copy_(t.mT)

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

    def _sgd(self, job: Job) -> Callable[[], None]:
        down, _ = self.grouped
        rates = torch.tensor(job.rates, dtype=self.net.dtype).repeat_interleave(down)
        minus = -rates.view(-1, 1, 1)
        pairs = list(
            zip(self.weights + self.biases, self.weight_grads + self.bias_grads, strict=True)
        )

        def step() -> None:
            for parameter, gradient in pairs:
                parameter.addcmul_(gradient, minus)

        return step

    def _adam(self, job: Job) -> Callable[[], Any]:
        down, across = self.grouped
        groups: list[dict[str, Any]] = [{"params": [], "lr": rate} for rate in job.rates]
        tensors = self.weights + self.biases
        for whole, gradient in zip(tensors, self.weight_grads + self.bias_grads, strict=True):
            for k in range(across):
                part = whole[k * down : (k + 1) * down]
                part.grad = gradient[k * down : (k + 1) * down]
                groups[k]["params"].append(part)
        return torch.optim.Adam(groups, eps=job.epsilon, fused=True).step

    def rows(self) -> Array:
        """Return the weights in the order of the job's replicas, (R, P)."""
        down, across = self.grouped
        parts = []
        for layer, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer == len(self.weights) - 1:
                w, b = w.mT, b.mT
            whole = torch.cat([w, b], dim=1).view(across, down, -1).transpose(0, 1)
            parts.append(whole.reshape(across * down, -1))
        return torch.cat(parts, dim=1).numpy()
