"""What a network is and how it learns, in stacks of replicas; numpy and numba only."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
NUMERICS_VERSION = 2
"""Part of every cell's identity: raise it when the numbers of any training move."""
