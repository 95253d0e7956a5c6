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
from ._api import avg_pool, get_threads, max_pool, min_pool, set_threads, show_config, sum_pool
from ._core import __version__

__all__ = [
    "__version__",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "adaptive_min_pool",
    "adaptive_sum_pool",
    "avg_pool",
    "fractional_avg_pool",
    "fractional_max_pool",
    "get_threads",
    "global_pool",
    "max_pool",
    "min_pool",
    "pyramid_pool",
    "set_threads",
    "show_config",
    "sum_pool",
]
