"""Where files are: a checkout has all; an installed package carries some, and works where it is.

The wheel carries ``conf/`` and two lists of ``data/`` in ``study/carried`` (see setup.py).
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
IN_CHECKOUT = (_PACKAGE.parent / "pyproject.toml").is_file()
"""Whether the package is that of a checkout."""

ROOT = _PACKAGE.parent if IN_CHECKOUT else Path.cwd()
"""The folder of store, results and caches."""

CARRIED = ROOT if IN_CHECKOUT else _PACKAGE / "carried"
"""The folder that has ``conf/``, ``data/checksums.json`` and ``data/external.csv``."""
