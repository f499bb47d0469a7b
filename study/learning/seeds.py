"""Random numbers that depend on nothing but a seed, a name and a place.

Streams that are drawn once (initial weights, data) come from numpy generators. Draws inside the
training loop come from a counter-based hash: the number for (seed, name, step, unit, pattern) is
a pure function of these five, so it depends neither on the learning rate nor on which replicas
share a block. The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators"), applied to the key, then the step, then the place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numba
import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 over the golden ratio: spreads counters
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32, _S40 = (np.uint64(bits) for bits in (30, 27, 31, 32, 40))
_ONE = np.uint64(1)
_TO_UNIT = 2.0**-24  # 24 bits: every draw is exact in float32, and below 1

compiled = numba.njit(cache=True, error_model="numpy")
inlined = numba.njit(cache=True, error_model="numpy", inline="always")


def generator(seed: int, name: str) -> np.random.Generator:
    """Return numpy's generator of the stream `name` of `seed`."""
    return np.random.default_rng([seed, _name_key(name)])


def stream_keys(seeds: Iterable[int], name: str) -> NDArray[np.uint64]:
    """Return the hash key of the stream `name` for each seed, shape (R,)."""
    salt = _name_key(name)
    return np.array(
        [np.random.SeedSequence([seed, salt]).generate_state(1, np.uint64)[0] for seed in seeds],
        dtype=np.uint64,
    )


def _name_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")


@inlined
def mix(x):  # type: ignore[no-untyped-def]
    """SplitMix64's finaliser, a bijection of 64-bit integers."""
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@inlined
def hashed(base, unit, pattern):  # type: ignore[no-untyped-def]
    """64 random bits for a place; `base` is ``mix(key + step * GOLDEN)``."""
    place = (np.uint64(unit) << _S32) + np.uint64(pattern) + _ONE
    return mix(base + place * GOLDEN)


@compiled
def fill_uniform(out, keys, step, low, width):  # type: ignore[no-untyped-def]
    """Fill `out` (R, units, patterns) with U(low, low + width), one draw a place.

    Replicas that follow one another with the same key share their draws.
    """
    for r in range(out.shape[0]):
        if r > 0 and keys[r] == keys[r - 1]:
            out[r] = out[r - 1]
            continue
        base = mix(keys[r] + np.uint64(step) * GOLDEN)
        for j in range(out.shape[1]):
            for n in range(out.shape[2]):
                u = np.float64(hashed(base, j, n) >> _S40) * _TO_UNIT
                out[r, j, n] = low + width * u


@compiled
def permute_units(values, out, keys, step):  # type: ignore[no-untyped-def]
    """Permute `values` (R, units, patterns) over the units of each pattern into `out`.

    Fisher-Yates with one hashed draw a swap (multiply-shift, bias below units / 2^32).
    """
    units, patterns = values.shape[1:]
    order = np.empty((patterns, units), np.int64)
    for r in range(values.shape[0]):
        if r == 0 or keys[r] != keys[r - 1]:
            base = mix(keys[r] + np.uint64(step) * GOLDEN)
            for n in range(patterns):
                _shuffled(order[n], base, n)
        for n in range(patterns):
            for j in range(units):
                out[r, j, n] = values[r, order[n, j], n]


@compiled
def permute_patterns(values, out, keys, step):  # type: ignore[no-untyped-def]
    """Permute `values` (R, units, patterns) over the patterns of each unit into `out`."""
    units, patterns = values.shape[1:]
    order = np.empty((units, patterns), np.int64)
    for r in range(values.shape[0]):
        if r == 0 or keys[r] != keys[r - 1]:
            base = mix(keys[r] + np.uint64(step) * GOLDEN)
            for j in range(units):
                _shuffled(order[j], base, j)
        for j in range(units):
            for n in range(patterns):
                out[r, j, n] = values[r, j, order[j, n]]


@compiled
def _shuffled(order, base, line):  # type: ignore[no-untyped-def]
    for i in range(order.shape[0]):
        order[i] = i
    for i in range(order.shape[0] - 1, 0, -1):
        draw = hashed(base, i, line) >> _S32
        k = np.int64((draw * np.uint64(i + 1)) >> _S32)
        order[i], order[k] = order[k], order[i]


@compiled
def permute_epoch(order, keys, epoch):  # type: ignore[no-untyped-def]
    """Fill `order` (S, n) with a fresh permutation of the n patterns for each seed."""
    for s in range(order.shape[0]):
        _shuffled(order[s], mix(keys[s] + np.uint64(epoch) * GOLDEN), 0)
