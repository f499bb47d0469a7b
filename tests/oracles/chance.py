"""Oracle of chance: SplitMix64 in Python's whole numbers, a pure function of a place."""

import functools
import hashlib

import numpy as np

WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """SplitMix64's finaliser (Steele, Lea & Flood 2014)."""
    x %= WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


@functools.cache
def key_of(seed: int, name: str) -> int:
    salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return int(np.random.SeedSequence([seed, salt]).generate_state(1, np.uint64)[0])


def bits(key: int, step: int, unit: int, pattern: int) -> int:
    """64 bits for a place: the key, then the step, then the place."""
    base = mix(key + step * GOLDEN)
    return mix(base + (unit * 2**32 + pattern + 1) * GOLDEN)


def uniform(key: int, step: int, unit: int, pattern: int) -> float:
    return (bits(key, step, unit, pattern) >> 40) / 2**24


def permutation(key: int, step: int, length: int, line: int) -> list[int]:
    """Fisher-Yates from the end; the swap of place i is drawn at (i, line)."""
    order = list(range(length))
    for i in range(length - 1, 0, -1):
        k = (bits(key, step, i, line) >> 32) * (i + 1) >> 32
        order[i], order[k] = order[k], order[i]
    return order
