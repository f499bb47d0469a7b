"""Random numbers, each a pure function of a seed, the name of a stream and a place.

Streams that are drawn once (initial weights, data) come from numpy generators. Draws inside the
training loop come from a counter-based hash: the number for (seed, name, step, unit, pattern) is
a pure function of these five, so it depends neither on the learning rate nor on which replicas
share a block. The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators"), applied to the key, then the step, then the place.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.learning import Array
from study.learning.core.kernels import compiled, inlined

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 over the golden ratio: spreads counters
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32, _S40 = (np.uint64(bits) for bits in (30, 27, 31, 32, 40))
_ONE = np.uint64(1)
GRID = 2.0**30  # normal draws are multiples of 1 / GRID
_TO_UNIT = 2.0**-24  # 24 bits: every draw is exact in float32, and below 1


def generator(seed: int, name: str) -> np.random.Generator:
    """Return numpy's generator of the stream `name` of `seed`."""
    return np.random.default_rng([seed, _name_key(name)])


def uniforms(rng: Any, low: float, high: float, shape: Any) -> Array:
    """Draw from U(low, high); numpy's own rounds once where a compiler fuses its two steps."""
    return low + (high - low) * rng.random(shape)


def normals(rng: np.random.Generator, shape: Any) -> Array:
    """Draw from N(0, 1), rounded to multiples of 2^-30.

    numpy's ziggurat asks the C library for one value in 4,000, those beyond ±3.65, and for
    whether some others are kept. Two libraries differ there by 4e-16, half a millionth of a
    step: the chance that one of ten million draws is rounded otherwise is 0.1 %.
    """
    return np.rint(rng.standard_normal(shape) * GRID) / GRID


def stream_keys(seeds: Iterable[int], name: str) -> NDArray[np.uint64]:
    """Return the hash key of the stream `name` for each seed, shape (R,)."""
    salt, asked = _name_key(name), list(seeds)
    keys = {
        seed: np.random.SeedSequence([seed, salt]).generate_state(1, np.uint64)[0]
        for seed in dict.fromkeys(asked)
    }
    return np.array([keys[seed] for seed in asked], dtype=np.uint64)


def _name_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


@inlined
def mix(x):
    """SplitMix64's finaliser, a bijection of 64-bit integers."""
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@inlined
def stream(key, step):
    """Return the base of the draws of one step."""
    return mix(np.uint64(key) + np.uint64(step) * GOLDEN)


@inlined
def hashed(base, unit, pattern):
    """64 random bits for a place."""
    place = (np.uint64(unit) << _S32) + np.uint64(pattern) + _ONE
    return mix(np.uint64(base) + place * GOLDEN)  # uncompiled, an int would make it a float


@inlined
def uniform(base, unit, pattern):
    """Return a draw of U(0, 1) for a place, float64."""
    return np.float64(hashed(base, unit, pattern) >> _S40) * _TO_UNIT


@inlined
def partner(base, i, line):
    """Return the place k, 0 <= k <= i, whose entry changes places with entry i of a line.

    This is a step of Fisher-Yates. The draw is a multiply-shift, with a bias below (i + 1) / 2^32.
    """
    draw = hashed(base, i, line) >> _S32
    return np.int64((draw * np.uint64(i + 1)) >> _S32)


@compiled
def shuffled(order, key, epoch):
    """Fill `order` with the patterns' order in an epoch, by one hashed draw a swap."""
    base = stream(key, epoch)
    for i in range(order.size):
        order[i] = i
    for i in range(order.size - 1, 0, -1):
        k = partner(base, i, 0)
        order[i], order[k] = order[k], order[i]
