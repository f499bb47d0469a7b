"""What is compiled before the workers start is all that they will need."""

import numpy as np
import pytest
from small_nets import design

from study.learning import activations, seeds
from study.learning.gradients import GRADIENTS
from study.learning.optimizers import OPTIMIZERS
from study.learning.warm_up import compile_kernels


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_loop_is_compiled_for_the_working_precision(dtype):
    plans = [design((3, 3), "tanh", optimizer=name) for name in OPTIMIZERS]
    plans += [
        design((3, 3), "relu" if "relu" in name or "leaky" in name else "tanh", gradient=name)
        for name in GRADIENTS
    ]
    plans.append(design((3, 3), "gelu"))
    compile_kernels(plans, dtype)

    def compiled_for(kernel):
        return {str(signature[0].dtype) for signature in kernel.signatures}

    for record in OPTIMIZERS.values():
        assert dtype in compiled_for(record.kernel), record.name
    for kernel in (seeds.fill_uniform, seeds.permute_units, seeds.permute_patterns):
        assert dtype in compiled_for(kernel)
    fast, wide = activations._times_normal_cdf, activations._normal_cdf_double
    assert dtype in compiled_for(fast if np.dtype(dtype) == np.float32 else wide)
    assert seeds.permute_epoch.signatures
