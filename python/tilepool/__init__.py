"""Fast and dependable pooling of numpy arrays on the CPU."""

from ._api import (
    avg_pool,
    convert_indices,
    get_threads,
    max_pool,
    max_unpool,
    min_pool,
    set_threads,
    show_config,
    sum_pool,
)
from ._core import __version__
from ._cost import Cost, cost

__all__ = [
    "Cost",
    "__version__",
    "avg_pool",
    "convert_indices",
    "cost",
    "get_threads",
    "max_pool",
    "max_unpool",
    "min_pool",
    "set_threads",
    "show_config",
    "sum_pool",
]
