"""Fast and dependable pooling of numpy arrays on the CPU."""

from . import _core  # first: where it can't be had, it says so

# isort: split
import warnings as _warnings
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import grad
from ._config import get_threads, set_threads, show_config
from ._core import __version__
from ._cost import Cost, cost
from ._functions.adaptive import adaptive_avg_pool, adaptive_max_pool, adaptive_min_pool, adaptive_sum_pool
from ._functions.by_name import adaptive_pool, global_pool, pool, pyramid_pool
from ._functions.extrema_and_sums import avg_pool, max_pool, min_pool, sum_pool
from ._functions.indices import convert_indices, max_unpool
from ._functions.norms import gem_pool, logsumexp_pool, lp_pool, softmax_pool
from ._functions.order_and_spread import median_pool, mode_pool, quantile_pool, std_pool, var_pool
from ._functions.pyramids import pyramid
from ._functions.random import fractional_avg_pool, fractional_max_pool, mixed_pool, stochastic_pool

if _TYPE_CHECKING:
    from . import nn

for _message in _core.warnings():
    _warnings.warn(_message, RuntimeWarning, stacklevel=2)

__all__ = [
    "Cost",
    "__version__",
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "adaptive_min_pool",
    "adaptive_pool",
    "adaptive_sum_pool",
    "avg_pool",
    "convert_indices",
    "cost",
    "fractional_avg_pool",
    "fractional_max_pool",
    "gem_pool",
    "get_threads",
    "global_pool",
    "grad",
    "logsumexp_pool",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "median_pool",
    "min_pool",
    "mixed_pool",
    "mode_pool",
    "nn",
    "pool",
    "pyramid",
    "pyramid_pool",
    "quantile_pool",
    "set_threads",
    "show_config",
    "softmax_pool",
    "std_pool",
    "stochastic_pool",
    "sum_pool",
    "var_pool",
]


def __getattr__(name: str) -> object:
    """`nn`, loaded when it is first named: its classes would take a tenth of the time of the import."""
    if name != "nn":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(".nn", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
