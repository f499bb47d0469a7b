"""Small trainings by the study, for the page's network to repeat from the same beginning."""

import itertools
from dataclasses import replace

import numpy as np

from study.learning import seeds
from study.learning.core.training import initial, train
from study.learning.design import Budget, named_design
from study.learning.problem import unscored
from study.learning.rules import GRADIENTS

ACTIVATIONS = ("tanh", "logistic", "relu", "leaky_relu", "softsign", "silu")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
AMOUNTS = {  # rule -> the parameter that the page calls its amount, and values to try
    "constant": ("value", (0.3,)),
    "floor": ("minimum", (0.01, 0.3)),
    "offset": ("amount", (0.1,)),
    "power": ("exponent", (0.5,)),
}
RULES = (
    *("exact", "removed", "constant", "mean_matched", "scaled", "unit_mean", "pattern_mean"),
    *("floor", "offset", "power", "bump", "window", "random", "frozen", "negated_top"),
)
MATCHED = ("removed", "constant", "floor", "offset")
PLACES = (
    *(("squared_error", "output"), ("squared_error", "all")),
    *(("linear_squared_error", "hidden"), ("cross_entropy", "hidden")),
)
UPDATES, BATCH, SEED, PATTERNS, HIDDEN = 100, 5, 5, 12, (3, 2)


def cases():
    """Every rule with every activation and optimizer; then places, objectives and matching."""
    for activation, rule in itertools.product(ACTIVATIONS, RULES):
        name, values = AMOUNTS.get(rule, ("", (None,)))
        for amount in values:
            gradient = {rule: {name: amount}} if name else rule
            usual = {"activation": activation, "rule": rule, "amount": amount}
            if named_design(HIDDEN, activation, gradient=gradient).misplaced(1):
                continue
            for optimizer in OPTIMIZERS:
                yield _case(gradient, **usual, optimizer=optimizer)
            if rule in MATCHED and not (activation == "silu" and rule == "floor"):
                yield _case(gradient, **usual, matched=True)
            for objective, location in PLACES:
                stays = activation not in ("tanh", "relu") or rule in ("frozen", "negated_top")
                if not stays and not (rule == "bump" and activation == "relu"):
                    given = {"objective": objective, "location": location, "outputs": 3}
                    yield _case(gradient, **usual, **given)


def _case(
    gradient,
    activation,
    rule,
    amount,
    optimizer="sgd",
    objective="squared_error",
    location="hidden",
    outputs=1,
    matched=False,
):
    design = named_design(
        HIDDEN,
        activation,
        gradient=gradient,
        optimizer=optimizer,
        objective=objective,
        location=location,
        consistent="true" if matched else "false",
    )
    draw = np.random.default_rng(outputs)
    x, t = draw.normal(size=(PATTERNS, 2)), draw.integers(0, 2, (PATTERNS, outputs)) * 1.0
    if objective == "cross_entropy":
        t = np.eye(outputs)[draw.integers(0, outputs, PATTERNS)]
    problem = unscored(x, t, "classification")
    tested = {"test_inputs": problem.inputs, "test_targets": problem.targets, "threshold": 0.5}
    scored = {"constant": np.ones(1), "optimum": np.zeros(1)}  # else it stops at once
    problem = replace(problem, **tested, **scored)
    rate = {"sgd": 0.5, "adagrad": 0.05, "rmsprop": 0.005, "adam": 0.01}.get(optimizer, 0.05)
    start = initial(design, problem, [SEED])
    budget = Budget(UPDATES, BATCH, decay=False, checkpoints=2, probes=0, dtype="float64")
    return (
        {
            **{"sizes": [2, *HIDDEN, outputs], "activation": activation, "objective": objective},
            **{"rule": rule, "amount": amount, "location": location, "matched": matched},
            **{"optimizer": optimizer, "rate": rate, "batch": BATCH, "updates": UPDATES},
            **{"x": x.T.ravel().tolist(), "t": t.T.ravel().tolist(), "n": PATTERNS},
            "weights": start[0].tolist(),
            "keys": {
                "batches": str(seeds.stream_keys([SEED], "batches")[0]),
                "rule": [str(seeds.stream_keys([SEED], f"{rule}/{at}")[0]) for at in (1, 2, 3)],
            },
        },
        train(problem, design, budget, [SEED], [rate], start=start).parameters[0],
    )


def offered():
    """Return the variants that the page has to offer, by kind; each name is one of the study's."""
    assert set(RULES) <= set(GRADIENTS)
    return {"RULES": RULES, "ACTIVATIONS": ACTIVATIONS, "OPTIMIZERS": OPTIMIZERS}
