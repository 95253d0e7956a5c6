"""A tensor of torch as an array on the same memory, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .._core import dtypes

if TYPE_CHECKING:
    from collections.abc import Collection

try:
    import ml_dtypes

    BFLOAT16, CALCULATES = np.dtype(ml_dtypes.bfloat16), True
except ImportError:  # the core reads the bits by themselves, under the name that it knows them by

    class bfloat(np.void):  # type: ignore[misc] # noqa: N801 # numpy adds the number of bits: its name is bfloat16
        """The bits of a bfloat16 for numpy."""

    BFLOAT16, CALCULATES = np.dtype((bfloat, 2)), False

# Arguments and functions of which numpy calculates a part, after or before the core.
STEPS = {"mask", "weights", "nan_policy", "min_count", "dtype", "rng", "training", "mixed_pool", "max_unpool"}

NUMPY = {getattr(torch, name): BFLOAT16 if name == "bfloat16" else np.dtype(name) for name in dtypes}
TORCH = {name: getattr(torch, name) for name in dtypes}
bfloat16, int16 = torch.bfloat16, torch.int16
from_numpy = torch.from_numpy


def array_of(x: Any) -> Any:
    """The memory of a tensor as an array. Bits of bfloat16 are those of the package ml_dtypes, where that is there."""
    if x.dtype is bfloat16:
        return x.view(int16).numpy().view(BFLOAT16)
    return x.resolve_neg().numpy()  # which copies what is the negative of its memory


def refuse_arithmetic(x: Any, words: Collection[str]) -> None:
    """Refuse bfloat16 where numpy itself would have to calculate with it, and cannot."""
    steps = STEPS & set(words)
    if steps and x.dtype is bfloat16 and not CALCULATES:
        raise TypeError(f"{min(steps)} of bfloat16 needs the package ml_dtypes: pip install ml_dtypes")


def tensors_of(results: Any) -> Any:
    """Arrays, or tuples of these, as tensors on the same memory."""
    if type(results) is tuple:
        return tuple(map(tensors_of, results))
    if results.dtype.kind == "V":
        return from_numpy(results.view(np.int16)).view(bfloat16)
    return from_numpy(results)


def refuse(name: str, x: Any) -> None:
    """Refuse a tensor whose values are not numbers in the memory of the CPU."""
    if x.device.type != "cpu":
        raise TypeError(f"{name} must be a tensor on the CPU, not on {x.device}: pass {name}.cpu()")
    if x.layout is not torch.strided:
        raise TypeError(f"{name} must be a dense tensor, not {x.layout}: pass {name}.to_dense()")
    if x.dtype not in NUMPY:
        raise TypeError(f"{name} must be a tensor of {', '.join(dtypes[:-1])} or {dtypes[-1]}, not {x.dtype}")
