"""Fast and dependable pooling of numpy arrays on the CPU."""

from ._adaptive import (
    adaptive_avg_pool,
    adaptive_max_pool,
    adaptive_min_pool,
    adaptive_sum_pool,
    fractional_avg_pool,
    fractional_max_pool,
    global_pool,
    pyramid_pool,
)
from ._api import (
    avg_pool,
    get_threads,
    max_pool,
    min_pool,
    set_threads,
    show_config,
    sum_pool,
)
from ._core import __version__
from ._cost import Cost, cost
from ._indices import convert_indices, max_unpool

__all__ = [
    "Cost",
    "__version__",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "adaptive_min_pool",
    "adaptive_sum_pool",
    "avg_pool",
    "convert_indices",
    "cost",
    "fractional_avg_pool",
    "fractional_max_pool",
    "get_threads",
    "global_pool",
    "max_pool",
    "max_unpool",
    "min_pool",
    "pyramid_pool",
    "set_threads",
    "show_config",
    "sum_pool",
]
