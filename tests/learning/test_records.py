"""Every record of every registry says what it is and where it comes from."""

import copy
import math
import pickle
import re

import pytest
from oracles.activations import CURVES
from oracles.initialisations import CHANGES, LAWS
from oracles.objectives import TERMS
from oracles.optimizers import STEPS
from oracles.rules import FACTORS

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core.kernels import Kernel
from study.learning.initialisations import INITIALISATIONS
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient
from study.learning.variants import plain, resolve

REGISTRIES = {  # of each kind: the records, where their oracles stand, and these
    "activation": (ACTIVATIONS, "activations.CURVES", CURVES),
    "gradient": (GRADIENTS, "rules.FACTORS", FACTORS),
    "objective": (OBJECTIVES, "objectives.TERMS", TERMS),
    "optimizer": (OPTIMIZERS, "optimizers.STEPS", STEPS),
    "initialisation": (INITIALISATIONS, "initialisations.LAWS or CHANGES", LAWS | CHANGES),
}
RECORDS = [(kind, name) for kind, (registry, *_) in REGISTRIES.items() for name in registry]


@pytest.mark.parametrize(("kind", "name"), RECORDS)
def test_record(kind, name):
    registry = REGISTRIES[kind][0]
    record = registry[name]
    assert record.name == name
    assert name.isidentifier() and name == name.lower()
    assert record.formula.strip() and record.reference.strip()
    if kind in ("activation", "gradient"):
        assert record.family
    if kind == "activation":
        assert record.derivative.strip()
    for key, parameter in record.parameters.items():
        assert key.isidentifier()
        assert parameter.meaning
        assert parameter.check(key, parameter.default) == parameter.default
        if parameter.neutral is not None:
            assert parameter.low <= parameter.neutral <= parameter.high
            assert parameter.neutral != parameter.default
        if parameter.choices:
            assert parameter.default in parameter.choices
    assert re.search(r"^this study|\d|answer", record.reference)
    assert pickle.loads(pickle.dumps(record)) is copy.deepcopy(record) is record
    for values in ({}, *record.examples):
        variant = resolve(kind, registry, {name: dict(values)})
        again = resolve(kind, registry, variant.specification())
        assert again == variant and hash(again) == hash(variant)
        assert again.name == name and (again.short == name) == (not values)


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_record_has_an_oracle_and_every_oracle_a_record(kind):
    registry, where, oracles = REGISTRIES[kind]
    for name, record in registry.items():
        assert name in oracles, (
            f"{kind} {name} has no oracle: add its formula ({record.formula}), in plain floats, "
            f"to {where} in tests/oracles"
        )
    assert not set(oracles) - set(registry), "a grid of the study may name what is gone"


def test_plain_numbers_read_back():
    for value in (0.1, 1e-10, 1e16, 2.0, -3.0, 1.0 / 3.0, math.inf):
        assert float(plain(value)) == value
    assert plain(32.0) == "32" and plain(True) == "true" and plain("scale") == "scale"


def test_variants_are_told_apart_by_their_values():
    floors = [resolve("gradient", GRADIENTS, {"floor": {"minimum": m}}) for m in (0.1, 0.1, 0.2)]
    assert len(set(floors)) == 2
    assert [floor.short for floor in floors] == ["floor", "floor", "floor(minimum=0.2)"]
    own = resolve("gradient", GRADIENTS, {"_target_": "small_nets.SHRUNK", "share": 0.7})
    assert own == resolve("gradient", GRADIENTS, own.specification())
    assert own.target == "small_nets.SHRUNK"


# ---- on the way to other processes ----


def leave(z, y, slope, constants, key, step):
    slope[:] = 1


def test_a_users_record_becomes_an_equal_one_without_compiled_code():
    record = Gradient(name="left", formula="1", reference="a test", factor=Kernel("factor", leave))
    record.factor.at("float64")
    again = pickle.loads(pickle.dumps(record))
    assert again.factor.function is leave and not again.factor._compiled
    assert again.constants is record.constants
    # a name of the package's own is no passport, and bound activations keep their values
    own = Gradient(name="removed", formula="another", reference="a test", factor=leave)
    assert pickle.loads(pickle.dumps(own)) == own
    bound = bound_activation({"leaky_relu": {"slope": 0.3}})
    assert pickle.loads(pickle.dumps(bound)) == bound
    assert bound.bind().values == {"slope": 0.3}
