"""A made-up population: tasks, and runs whose effects are what a test says they are."""

import numpy as np
import pandas as pd

RULES = {  # arm -> gradient and its parameter
    **{"exact": ("exact", {}), "removed": ("removed", {})},
    "floor": ("floor", {"gradient.minimum": 0.01}),
    "offset": ("offset", {"gradient.amount": 0.1}),
}


def tasks(count=240, external=80, seed=0):
    """Return tasks, two a draw of the data; every third draw is for confirmation."""
    random = np.random.default_rng(seed)
    rows = count + external
    draws = np.arange(rows) // 2
    patterns = random.integers(60, 2000, rows)[draws]
    classes = random.choice([0, 3], rows)[draws]
    batch, updates = 2 ** random.integers(3, 6, rows), random.integers(500, 8000, rows)
    depth, width = random.integers(1, 7, rows), 2 ** random.integers(2, 9, rows)
    of_split = np.where(draws % 3 == 2, "confirm", "fit")
    return pd.DataFrame(
        {
            "task": [f"t{i:04}" for i in range(rows)],
            "split": np.where(draws >= count // 2, "external", of_split),
            "draw": [f"d{d:04}" for d in draws],
            "family": random.choice(list("abcdef"), rows)[draws],
            "kind": np.where(classes > 0, "classification", "regression"),
            **{"patterns": patterns, "classes": classes, "outputs": np.maximum(classes, 1)},
            "inputs": random.integers(2, 40, rows)[draws],
            "noise": random.choice([0, 0.1, 0.2], rows)[draws],
            "objective": random.choice(["squared_error", "linear_squared_error"], rows),
            "activation": random.choice(["tanh", "relu"], rows),
            "gain": random.choice([0.5, 1.0, 4.0], rows),
            **{"depth": depth, "width": width * 1.0, "weights": depth * width**2},
            **{"batch_size": batch, "updates": updates, "epochs": updates * batch / patterns},
            "exact_share": 10 ** random.uniform(-3, -0.3, rows),
            **{"exact_early": random.uniform(0.1, 1, rows), "frozen_share": 0.9, "eligible": True},
        }
    )


def signal(tasks, noise=0.1):
    """Return an effect that follows from depth, gain and width, but for some noise."""
    known = 0.3 * tasks["depth"] + np.log10(tasks["gain"]) - 0.3 * np.log10(tasks["width"])
    return known + chance(tasks, noise)


def chance(tasks, size=1.0):
    """Return an effect that follows from nothing, but is much alike in the tasks of a draw."""
    random = np.random.default_rng(9)
    draws = tasks["draw"].str[1:].astype(int)
    return size * (random.normal(size=len(tasks))[draws] + 0.3 * random.normal(size=len(tasks)))


def runs(tasks, points=0.0, **effects):
    """Return three scored runs of each arm: effects in decades by arm, points of removal."""
    frames = []
    for arm, (gradient, parameters) in RULES.items():
        for seed, factor in enumerate((0.5, 1.0, 3.0)):
            share = factor * tasks["exact_share"] * 10.0 ** effects.get(arm, 0.0)
            frame = pd.DataFrame({"task": tasks["task"], "stage": "evaluate", "seed": seed})
            frame = frame.assign(gradient=gradient, final_objective=0.25 * share, **parameters)
            frame["location"] = "none" if arm == "exact" else "hidden"
            frame["test_score"] = 0.9 + (points / 100 if arm == "removed" else 0)
            frames.append(frame)
    same = {"optimizer": "sgd", "consistent": "false", "failed": False}
    made = pd.concat(frames, ignore_index=True).assign(constant_objective=0.25, optimum=0.0)
    return made.assign(**same).sample(frac=1, random_state=0)


def publish(base, tasks, runs):
    """Write the tables where `study predict` looks for them."""
    folder = base / "data" / "published" / "population"
    folder.mkdir(parents=True)
    tasks.to_parquet(folder / "tasks.parquet")
    for name, part in (("runs", runs[::2]), ("runs-01", runs[1::2])):
        part.to_parquet(folder / f"{name}.parquet")
