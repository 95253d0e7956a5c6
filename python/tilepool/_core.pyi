# The compiled core as the Python layer sees it (csrc/bindings.cpp).
from typing import Any

import numpy as np
import numpy.typing as npt

from ._windows import Window

__version__: str
compiler: str
backend: str
dtypes: tuple[str, ...]
methods: tuple[str, ...]
roundings: tuple[str, ...]

def built_isas() -> tuple[str, ...]: ...
def available_isas() -> tuple[str, ...]: ...
def get_isa() -> str: ...
def set_isa(name: str) -> str: ...
def warnings() -> list[str]: ...
def quota_cpus(root: str) -> int: ...
def get_threads() -> int: ...
def set_threads(n: int) -> int: ...
def call_key(x: object, arguments: tuple[object, ...], options: dict[str, object], /) -> bytes | None: ...
def copy(source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8], threads: int = 0, times: int = 1) -> None: ...
def add_to_cells(
    values: npt.NDArray[Any],
    indices: npt.NDArray[np.integer[Any]],
    cells: npt.NDArray[Any],
    dtype: str,
    planes: int,
    inner: int,
    sizes: tuple[int, ...],
    windows: tuple[Window, ...],
    threads: int = 0,
    check_first: bool = False,
) -> bool: ...

class Plan:
    def __init__(
        self,
        op: str,
        dtype: str,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        windows: tuple[Window | None, ...],
        count_padding: bool = False,
        divisor: float = 0.0,
        rounding: str = "half_even",
        integer: str = "int64",
        indices: str = "none",
        weights: tuple[int, ...] = (),
        wide_indices: bool = True,
        parameters: tuple[float, float] = (0.0, 0.0),
        omit: bool = False,
        source: str | None = None,
        swapped: bool = False,
        order: tuple[int, ...] = (),
        mask: tuple[int, ...] | None = None,
        cell_weights: tuple[int, ...] | None = None,
        present: bool = False,
        min_count: int = 0,
    ) -> None: ...
    @property
    def result_shape(self) -> tuple[int, ...]: ...
    @property
    def result_strides(self) -> tuple[int, ...]: ...
    @property
    def result_dtype(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    def fits(
        self,
        x: npt.NDArray[Any],
        out: npt.NDArray[Any] | None = None,
        out_indices: npt.NDArray[Any] | None = None,
        mask: npt.NDArray[Any] | None = None,
    ) -> bool: ...
    def run(
        self,
        x: npt.NDArray[Any],
        out: npt.NDArray[Any] | None = None,
        threads: int = 0,
        mask: npt.NDArray[Any] | None = None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> npt.NDArray[Any]: ...
    def pick(
        self,
        x: npt.NDArray[Any],
        out: npt.NDArray[Any] | None = None,
        out_indices: npt.NDArray[Any] | None = None,
        threads: int = 0,
        mask: npt.NDArray[Any] | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]: ...
