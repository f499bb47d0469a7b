"""One BLAS thread, set before anything loads numpy; oracles in reach of every test."""

import gc
import os
import sys
from pathlib import Path

import pytest

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

gc.set_threshold(100_000, 50, 50)  # compilers and tables make many objects that stay
os.environ.pop("MLFLOW_TRACKING_URI", None)  # tests have stores of their own
here = Path(__file__).resolve().parent
# oracles/, small_nets.py, stacks.py, claim_tables.py, small_studies.py
sys.path[:0] = [str(here), *(str(here / name) for name in ("learning", "evidence", "ablation"))]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An empty database of MLflow's."""
    from small_studies import template  # loads the study, which not all tests need

    return template(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL of this test session's own."""
    from postgres import serve

    yield from serve()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One worker takes all tests that share what is costly to make: PostgreSQL's, some files'."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if "postgres" in nodeid:
                return "postgres"
            file = nodeid.partition("::")[0]
            return file if Path(file).parent.name in ("docs", "reports", "sameness") else nodeid

    return Scheduler(config, log)
