"""Records and kernels travel to other processes, and are not copied where they can't change."""

import copy
import pickle

import pytest

from study.learning.activations import ACTIVATIONS, bound_activation
from study.learning.core.kernels import Kernel
from study.learning.objectives import OBJECTIVES
from study.learning.optimizers import OPTIMIZERS
from study.learning.rules import GRADIENTS
from study.learning.rules.base import Gradient

OWN = {
    record.name: record
    for registry in (ACTIVATIONS, GRADIENTS, OBJECTIVES, OPTIMIZERS)
    for record in registry.values()
}


def leave(z, y, slope, constants, key, step):
    slope[:] = 1


@pytest.mark.parametrize("name", OWN)
def test_the_packages_records_stay_themselves(name):
    assert pickle.loads(pickle.dumps(OWN[name])) is OWN[name]
    assert copy.deepcopy(OWN[name]) is OWN[name]


def test_a_users_record_becomes_an_equal_one_without_compiled_code():
    record = Gradient(name="left", formula="1", reference="a test", factor=Kernel("factor", leave))
    record.factor.at("float64")
    again = pickle.loads(pickle.dumps(record))
    assert again.factor.function is leave and not again.factor._compiled
    assert again.constants is record.constants


def test_a_name_of_the_packages_own_is_no_passport():
    own = Gradient(name="removed", formula="another", reference="a test", factor=leave)
    assert pickle.loads(pickle.dumps(own)) == own


def test_bound_activations_keep_their_values():
    bound = bound_activation({"leaky_relu": {"slope": 0.3}})
    assert pickle.loads(pickle.dumps(bound)) == bound
    assert bound.bind().values == {"slope": 0.3}
