"""The same bits on every processor: digests of trainings with the code that others would run.

numba compiles for the processor that is named, numpy and the BLAS take the code that they would
take there. A cell's identity holds NUMERICS_VERSION: where values move and it does not, a study
that goes on would mix old results with new ones.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__

from study.errors import UsageError
from study.learning import NUMERICS_VERSION
from study.learning.core import processor
from study.learning.core.products import product

ROOT = Path(__file__).resolve().parents[2]
AGAIN = (
    "the numbers of the core have moved: raise NUMERICS_VERSION in study/learning/__init__.py, "
    "and write tests/golden.json anew (tests/sameness/digests.py says how)"
)
AVX512 = " ".join(name for name in __cpu_dispatch__ if "AVX512" in name or "V4" in name)
AVX = " ".join(__cpu_dispatch__)
HOST = llvmlite.binding.get_host_cpu_features()
PROCESSORS = {  # numba's name of it, the BLAS's, and what numpy does without
    "this one": (None, None, ""),
    "Intel Haswell": ("haswell", "Haswell", AVX512),
    "AMD Zen 3": ("znver3", "Zen", AVX),
    "any with AVX2": ("x86-64-v3", "Prescott", AVX),
    "Intel Skylake": ("skylake-avx512" if HOST.get("avx512f") else "skylake", "SkylakeX", ""),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_digests_are_the_golden_ones(name):
    numba_name, blas, without = PROCESSORS[name]
    if numba_name and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("no x86 processor")
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'learning'}"}
    if numba_name and blas:
        wide = "+avx512f" if "avx512" in numba_name else ""
        environment |= {"NUMBA_CPU_NAME": numba_name, "NUMBA_CPU_FEATURES": wide}
        environment |= {"OPENBLAS_CORETYPE": blas, "NPY_DISABLE_CPU_FEATURES": without}
    found = subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "tests" / "sameness" / "digests.py"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    golden = json.loads((ROOT / "tests" / "golden.json").read_text())
    assert golden["numerics_version"] == NUMERICS_VERSION, AGAIN
    digests = json.loads(found.stdout)["digests"]
    moved = [name for name in golden["digests"] if digests.get(name) != golden["digests"][name]]
    assert not moved and digests.keys() == golden["digests"].keys(), AGAIN


def test_a_processor_without_fused_multiply_add_is_refused(monkeypatch):
    without = {name: there for name, there in HOST.items() if name != "fma"}
    monkeypatch.setattr(processor.llvmlite.binding, "get_host_cpu_features", lambda: without)
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    product.cache_clear()
    with pytest.raises(UsageError, match="no fused multiply-add"):
        product("float32")
