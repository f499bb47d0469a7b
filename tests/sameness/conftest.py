"""Tests of sameness share the small studies of the study's machinery."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "ablation"))  # small_studies
