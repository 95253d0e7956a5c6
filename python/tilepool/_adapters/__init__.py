"""Arrays of other libraries come back as what they were. An adapter is imported when such an array comes."""

from __future__ import annotations

import sys
from typing import Any

KNOWN: dict[type, Any] = {}  # what pools arrays of the usual types of adapters that are loaded


def is_tensor(kind: type) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and issubclass(kind, torch.Tensor)


def pool_of(kind: type) -> Any:
    """What pools arrays of that type, if it is one of a library that has an adapter."""
    if is_tensor(kind):
        from . import torch as of_torch

        torch = sys.modules["torch"]
        KNOWN.update(dict.fromkeys((torch.Tensor, torch.nn.Parameter), of_torch.call))
        return of_torch.call
    dask = sys.modules.get("dask.array")
    if dask is not None and issubclass(kind, dask.Array):
        from . import dask as of_dask

        KNOWN[dask.Array] = of_dask.call
        return of_dask.call
    xarray = sys.modules.get("xarray")
    if xarray is not None and issubclass(kind, xarray.DataArray | xarray.Dataset | xarray.Variable):
        from . import xarray as of_xarray

        KNOWN.update(dict.fromkeys((xarray.DataArray, xarray.Dataset, xarray.Variable), of_xarray.call))
        return of_xarray.call
    return None
