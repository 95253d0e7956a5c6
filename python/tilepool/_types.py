"""The types of what functions take and return. For type checkers and readers: nothing imports it at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, SupportsIndex, TypeAlias, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Indices: TypeAlias = npt.NDArray[np.integer[Any]]
Flag: TypeAlias = bool | np.bool_
ByDimension: TypeAlias = Mapping[Any, SupportsIndex]  # of arrays whose dimensions have names
Integers: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | npt.NDArray[np.integer[Any]] | ByDimension
Stride: TypeAlias = Integers | None
Axis: TypeAlias = SupportsIndex | str | Sequence[SupportsIndex | str] | npt.NDArray[np.integer[Any]] | None
Threads: TypeAlias = SupportsIndex | None
Pads: TypeAlias = Sequence[Sequence[SupportsIndex]] | Mapping[Any, SupportsIndex | Sequence[SupportsIndex]]
PadNames: TypeAlias = Literal["valid", "same", "same_upper", "same_lower", "VALID", "SAME", "SAME_UPPER", "SAME_LOWER"]
Padding: TypeAlias = Integers | Pads | PadNames
CeilMode: TypeAlias = Flag | Literal["floor", "ceil", "full"]
Sizes: TypeAlias = (
    SupportsIndex
    | Sequence[SupportsIndex | None]
    | npt.NDArray[np.integer[Any]]
    | Mapping[Any, SupportsIndex | None]
    | None
)
Rounding: TypeAlias = Literal["half_even", "half_up", "floor", "trunc"]
Layout: TypeAlias = Literal["channels_first", "channels_last"]
NanPolicy: TypeAlias = Literal["propagate", "omit", "raise"]
Method: TypeAlias = Literal["linear", "lower", "higher", "nearest", "midpoint"]
CellBase: TypeAlias = Literal["plane", "batch", "array"]
IndexBase: TypeAlias = CellBase | Literal["window"]
Output: TypeAlias = Array | tuple[Array | None, Array | None] | None
Random: TypeAlias = np.random.Generator | SupportsIndex | None
Points: TypeAlias = npt.NDArray[np.int64]
Boundaries: TypeAlias = tuple[Points, ...]
Ratios: TypeAlias = float | Sequence[float] | Mapping[Any, float] | None
Drawn: TypeAlias = Sequence[Sequence[int] | Array] | Mapping[Any, Sequence[int] | Array] | None
DType: TypeAlias = np.dtype[Any]

T = TypeVar("T", bound=np.generic)  # a dtype that the result keeps
F = TypeVar("F", bound=np.floating[Any])  # a float that averages, norms and so on keep


class Named(Protocol):
    """An array of xarray, whose dimensions have names: what comes back is one, too."""

    @property
    def dims(self) -> Any: ...


class Where(TypedDict, total=False):
    """Which axes are pooled."""

    layout: Layout | None
    axis: Axis


class Common(Where, total=False):
    """Keywords of every pooling."""

    nan_policy: NanPolicy
    min_count: int
    out: Array | None
    threads: Threads


class Masked(Common, total=False):
    """Those of poolings that can leave out any cell."""

    mask: npt.ArrayLike | None


class Weighted(Masked, total=False):
    """Those of sums and averages."""

    weights: npt.ArrayLike | None


class Indexed(Where, total=False):
    """Those of poolings that tell where a value was found."""

    index_dtype: npt.DTypeLike
    index_base: IndexBase
    nan_policy: NanPolicy
    min_count: int
    mask: npt.ArrayLike | None
    out: Output
    threads: Threads


class Drawing(TypedDict, total=False):
    """How windows of uneven sizes are drawn."""

    output_size: Integers | None
    output_ratio: Ratios
    overlapping: Flag
    pseudorandom: Flag
    rng: Random
    boundaries: Drawn


class IndexedDrawing(Drawing, Indexed, total=False):
    """Keywords of drawn windows' maxima."""


class WeightedDrawing(Drawing, Weighted, total=False):
    """Keywords of drawn windows' averages."""
