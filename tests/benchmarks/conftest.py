"""benchmarks/ and reports/ are not installed; a report of numbers that nobody measured."""

import sys
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "system": "Linux x86_64",
    "python": "3.11.0",
    "versions": {"numpy": "2.0"},
    "blas": ["openblas 0.3, kernel Some, 1 thread"],
    "product_gflops": {"ours": 100.0},
    "gemm_peak_gflops": 100.0,
    "load_average_before": 0.1,
    "load_average_after": 0.2,
}


def row(engine, optimizer, replicas, us, best, ratio, **more):
    return {
        "workload": "W1",
        "engine": engine,
        "optimizer": optimizer,
        "replicas": replicas,
        "threads": 1,
        "us_per_replica_update": us,
        "lowest": 0.9 * us,
        "highest": 1.1 * us,
        "best": best,
        "ratio_to_ours": ratio,
        **more,
    }


@pytest.fixture
def report():
    """Two engines on W1, and the plain study, whose row has fewer columns."""
    rows = []
    for optimizer in ("sgd", "adam"):
        rows += [
            row("ours", optimizer, 1, 40.0, False, 4.0, fraction_of_gemm_peak=0.125),
            row("ours", optimizer, 32, 10.0, True, 1.0, fraction_of_gemm_peak=0.5),
            row("sklearn", optimizer, 1, 250.0, True, 25.0),
        ]
    plain = row("plain_study", "sgd", 1, 500.0, True, 50.0, seconds_per_run=0.5)
    del plain["lowest"], plain["highest"]
    checks = [{"workload": "W1", "optimizer": "sgd", "largest_difference": {"sklearn": 2e-16}}]
    return {"quick": False, "machine": MACHINE, "checks": checks, "rows": [*rows, plain]}
