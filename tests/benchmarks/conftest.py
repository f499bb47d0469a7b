"""benchmarks/ and reports/ are not installed; a report of numbers that nobody measured."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

MACHINE = {
    **{"processor": "a processor", "cores": 2, "system": "Linux x86_64", "python": "3.11.0"},
    **{"versions": {"numpy": "2.0"}, "multiplies_with": {"ours": "openblas Some"}},
    **{"product_gflops": {"ours": 100.0}, "gemm_peak_gflops": 100.0},
    **{"load_average_before": 0.1, "load_average_after": 0.2},
}


def row(engine, optimizer, replicas, us, best, ratio, **more):
    return {
        **{"workload": "W1", "engine": engine, "optimizer": optimizer, "replicas": replicas},
        **{"us": us, "lowest": 0.9 * us, "highest": 1.1 * us, "wall_over_cpu": 1.25},
        **{"best": best, "ratio_to_ours": ratio, **more},
    }


@pytest.fixture
def report():
    rows = []
    for optimizer in ("sgd", "adam"):
        rows += [
            row("ours", optimizer, 1, 40.0, False, 4.0, share_of_peak=0.125),
            row("ours", optimizer, 32, 10.0, True, 1.0, share_of_peak=0.5),
            row("sklearn", optimizer, 1, 250.0, True, 25.0),
        ]
    checks = [{"what": "W1 sgd", "largest_difference": {"sklearn": 2e-16}}]
    return {"quick": False, "machine": MACHINE, "checks": checks, "rows": rows}
