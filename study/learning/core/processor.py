"""What the processor can do. The speed of compiled loops depends on it, their numbers never do."""

import platform

import llvmlite.binding
import numba

from study.errors import UsageError


def _features() -> set[str]:
    """Names of the instruction sets that numba compiles for."""
    if numba.config.CPU_FEATURES is not None:
        return set(str(numba.config.CPU_FEATURES).split(","))
    return {
        f"+{name}" for name, there in llvmlite.binding.get_host_cpu_features().items() if there
    }


# bytes of a vector, and how many vectors hold sums: 64-byte vectors come with 32 registers,
# 32-byte ones often with 16
VECTOR, SUMS = (64, 16) if "+avx512f" in _features() else (32, 12)


def check_processor() -> None:
    """Raise `UsageError` on an x86 processor without fused multiply-add."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    if x86 and not llvmlite.binding.get_host_cpu_features().get("fma", False):
        raise UsageError(
            "this processor has no fused multiply-add (FMA), with which every sum here is made: "
            "x86 processors have it from Intel Haswell (2013) and AMD Zen (2017) on, ARM64 always"
        )
