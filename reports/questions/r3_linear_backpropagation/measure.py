"""R3: student and teacher, one relu unit each, which meet fresh patterns at every step.

``python -m reports.questions.r3_linear_backpropagation.measure`` writes ``curves.csv`` and
``repeats.csv`` beside this file in about a minute. The program cannot train this: its outputs are
no relu units, and a million fresh patterns a seed are too many to store.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.learning import Array

FOLDER = Path(__file__).parent
INPUTS, PATTERNS, RATE, STEPS = 10, 100, 1e-3, 10_000
"""The setting of Li et al.; they repeat it 10 times."""
ARMS = ("exact", "removed")
SCORED, TUNING = range(30), range(1000, 1020)
RATES = tuple(float(f"{10.0 ** (k / 8):.6g}") for k in range(-8, 9))
"""Where each arm's own rate is looked for: 8 a decade from 0.1 to 10."""
TUNED_STEPS = 500
TARGETS = (1e-2, 1e-6)
"""Shares of the initial objective; steps are counted until it falls below them."""
MARKS = tuple(range(0, STEPS + 1, 500))


def gradient(student: Array, teacher: Array, arm: str) -> Array:
    """Return the mean of an arm's gradient over x ~ N(0, I), (..., d).

    For a student w and a teacher v at the angle θ, both (..., d), E[relu(w·x) x] = w/2. So removal
    has (w - v) / 2. Exact has w/2 - ((π - θ) v + |v| sin θ w/|w|) / 2π.
    """
    if arm == "removed":
        return 0.5 * (student - teacher)
    angle, (w, v) = _angle(student, teacher), _norms(student, teacher)
    seen = (np.pi - angle)[..., None] * teacher + (v * np.sin(angle) / w)[..., None] * student
    return np.asarray(0.5 * student - seen / (2 * np.pi))


def objective(student: Array, teacher: Array) -> Array:
    """Return the mean of (relu(w·x) - relu(v·x))² / 2 over x ~ N(0, I), (...)."""
    angle, (w, v) = _angle(student, teacher), _norms(student, teacher)
    both = w * v * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return np.asarray(np.maximum(0.25 * (w**2 + v**2) - both, 0.0))


def _norms(student: Array, teacher: Array) -> tuple[Array, Array]:
    return np.linalg.norm(student, axis=-1), np.linalg.norm(teacher, axis=-1)


def _angle(student: Array, teacher: Array) -> Array:
    """Return the angle between rows, exact also where it is small."""
    w, v = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (student, teacher))
    return 2.0 * np.arctan2(np.linalg.norm(w - v, axis=-1), np.linalg.norm(w + v, axis=-1))


def begun(seeds: Sequence[int]) -> tuple[list[np.random.Generator], Array, Array]:
    """Return each repeat's stream, student ~ N(0, 1) and teacher ~ 3 N(0, 1) + 1, both (S, d)."""
    streams = [np.random.default_rng([seed, 3]) for seed in seeds]
    first = np.stack([stream.standard_normal((2, INPUTS)) for stream in streams])
    return streams, first[:, 0], 3.0 * first[:, 1] + 1.0


def trained(
    seeds: Sequence[int], settings: Sequence[tuple[str, float]], steps: int
) -> Iterator[tuple[Array, Array]]:
    """Train a student of each repeat under each setting (arm, rate), all on the same patterns.

    Yields the students (S, settings, d) and the teachers (S, 1, d) before each step, and at last.
    """
    streams, start, teacher = begun(seeds)
    students = np.repeat(start[:, None], len(settings), axis=1)
    exact = np.array([arm == "exact" for arm, _ in settings])
    rates = np.array([rate for _, rate in settings])[:, None]
    for _ in range(steps):
        yield students, teacher[:, None]
        x = np.stack([stream.standard_normal((PATTERNS, INPUTS)) for stream in streams])
        aims = np.maximum(teacher[:, None] @ x.swapaxes(1, 2), 0.0)
        with np.errstate(all="ignore"):  # at rates that are too large
            z = students @ x.swapaxes(1, 2)
            error = np.maximum(z, 0.0) - aims
            error[:, exact] *= z[:, exact] > 0.0  # the slope, which removal leaves out
            students = students - rates * (error @ x) / PATTERNS
    yield students, teacher[:, None]


def steps_to(
    seeds: Sequence[int], settings: Sequence[tuple[str, float]], steps: int
) -> tuple[Array, Array]:
    """Return the steps to each target (S, settings, targets), and the final distances' shares.

    A target that is not reached counts as one step more than there were.
    """
    reached = np.full((len(seeds), len(settings), len(TARGETS)), steps + 1)
    for step, (student, teacher) in enumerate(trained(seeds, settings, steps)):
        with np.errstate(all="ignore"):
            now = objective(student, teacher)
            distance = np.linalg.norm(student - teacher, axis=-1)
        if step == 0:
            begin, far = now, distance
        for k, target in enumerate(TARGETS):
            hit = (now <= target * begin) & (reached[..., k] > steps)
            reached[hit, k] = step
    return reached, distance / far


def own_rates() -> list[tuple[str, float]]:
    """Return each arm with the rate that needs the fewest steps, by seeds that are not scored."""
    settings = [(arm, rate) for arm in ARMS for rate in RATES]
    reached, _ = steps_to(TUNING, settings, TUNED_STEPS)
    cost = np.log(reached[..., -1]).mean(axis=0).reshape(len(ARMS), -1)
    return [(arm, RATES[int(mine.argmin())]) for arm, mine in zip(ARMS, cost, strict=True)]


def repeats() -> pd.DataFrame:
    """Return ``rate_kind, arm, rate, repeat``, steps to the targets and the final distance."""
    rows = []
    kinds = (("shared", [(a, RATE) for a in ARMS], STEPS), ("tuned", own_rates(), TUNED_STEPS))
    for kind, settings, steps in kinds:
        reached, left = steps_to(SCORED, settings, steps)
        rows += [
            (kind, arm, rate, repeat, *reached[s, k], left[s, k])
            for k, (arm, rate) in enumerate(settings)
            for s, repeat in enumerate(SCORED)
        ]
    counts = [f"steps_to_{target:g}" for target in TARGETS]
    return pd.DataFrame(rows, columns=["rate_kind", "arm", "rate", "repeat", *counts, "distance"])


def curves() -> pd.DataFrame:
    """Return, by arm and step at the shared rate, quartiles of the distance left, and theory's.

    Theory takes the mean gradient at every step. Distances are shares of the initial ones.
    """
    settings = [(arm, RATE) for arm in ARMS]
    _, start, teacher = begun(SCORED)
    expected, rows = [start.copy() for _ in ARMS], []
    far = np.linalg.norm(start - teacher, axis=-1)
    for step, (student, _) in enumerate(trained(SCORED, settings, STEPS)):
        for k, arm in enumerate(ARMS):
            if step in MARKS:
                left = np.linalg.norm(student[:, k] - teacher, axis=-1) / far
                theory = np.linalg.norm(expected[k] - teacher, axis=-1) / far
                quartiles = np.quantile(left, [0.25, 0.5, 0.75])
                worst = np.abs(np.log(left / theory)).max()
                rows.append((arm, step, *quartiles, np.median(theory), worst))
            expected[k] = expected[k] - RATE * gradient(expected[k], teacher, arm)
    names = ["arm", "step", "lower", "middle", "upper", "theory", "largest_log_difference"]
    return pd.DataFrame(rows, columns=names)


def main() -> None:
    """Write both tables."""
    for name, table in (("curves", curves()), ("repeats", repeats())):
        path = FOLDER / f"{name}.csv"
        table.to_csv(path, index=False, float_format="%.5g", lineterminator="\n")


if __name__ == "__main__":
    main()
