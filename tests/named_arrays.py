"""Arrays of xarray to test with, and what their results are compared by; skips tests where xarray is missing."""

from typing import Any

import numpy as np
import pytest

from test_determinism import bits

xr = pytest.importorskip("xarray")
pd = pytest.importorskip("pandas")
DIMS = ("time", "lat", "lon")


def field(shape: tuple[int, ...] = (3, 10, 12), dims: tuple[str, ...] = DIMS, seed: int = 0) -> Any:
    """A field of random numbers, a tenth of which are NaN, on coordinates that are no round numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    values[rng.random(shape) < 0.1] = np.nan
    coords = {dim: rng.normal(size=n).cumsum() for dim, n in zip(dims, shape, strict=True)}
    x = xr.DataArray(values, coords, dims, name="t2m", attrs={"units": "K", "long_name": "air temperature"})
    x.encoding = {"dtype": "int16", "scale_factor": 0.01, "chunksizes": shape}
    return x


def same_bits(a: Any, b: Any) -> bool:
    """But for which NaN it is."""
    return a.dtype == b.dtype and a.shape == b.shape and bits(a) == bits(b)
