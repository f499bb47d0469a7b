"""One BLAS thread, set before anything loads numpy; oracles in reach of every test."""

import os
import sys
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

here = Path(__file__).resolve().parent
# oracles/, small_nets.py, stacks.py, claim_tables.py
sys.path[:0] = [str(here), str(here / "learning"), str(here / "evidence")]
