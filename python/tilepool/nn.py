"""Poolings as layers, forward and backward: the objects of `torch.nn`, by its names and arguments, on numpy arrays."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _arguments as arguments
from . import grad
from ._docs import complete
from ._functions.adaptive import adaptive_avg_pool, adaptive_max_pool
from ._functions.extrema_and_sums import avg_pool, max_pool, min_pool
from ._functions.norms import lp_pool
from ._windows import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, SupportsIndex

    from numpy.typing import ArrayLike

    from ._types import Array, CeilMode, Flag, Integers, Layout, Padding, Sizes, Stride

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "Layer",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "MinPool1d", "MinPool2d", "MinPool3d",
]  # fmt: skip

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}

DOCUMENTED = """{summary}

    `tilepool.{function}` of {axes}, as a layer.

    Parameters
    ----------
    {parameters}
    %(layer_layout)s

    See Also
    --------
    Layer : ``forward``, ``backward``, ``train`` and ``eval``.

    Examples
    --------
    %(imports)s
    >>> layer = tp.nn.{name}({example})
    >>> y = layer(np.ones((8, 3{four}), np.float32))
    >>> y.shape
    (8, 3{two})
    >>> layer.backward(y).shape
    (8, 3{four})
    """


@dataclass(repr=False, eq=False)
class Layer:
    """What all layers share: a call pools, and `backward` gives the gradient with respect to the x of the last call.

    A layer keeps that x, which must not be changed before `backward`, and in training the places of maxima and minima:
    as int32 that count the cells of each plane, or as returned where ``return_indices`` is True. Neither is copied or
    pickled with the layer. A network needs a layer for each place where it pools, and so does each thread. A new layer
    is in training (``training`` is True).
    """

    _: KW_ONLY
    layout: Layout = "channels_first"

    _pools: ClassVar[Callable[..., Any]]  # a function of tilepool; its gradient has the same name
    _spatial: ClassVar[int]  # how many axes are pooled
    _shown: ClassVar[tuple[str, ...]]  # what torch.nn shows; what it has not comes behind, if it is not the default
    _takes: ClassVar[tuple[str, ...]]  # the attributes that are arguments of the function and of its gradient
    _finds: ClassVar[bool]  # whether a value is that of a cell, which has a place
    _texts: ClassVar[tuple[str, ...]]  # of _docs, on the arguments
    _example: ClassVar[str] = "2"
    return_indices = False

    def __init_subclass__(cls, spatial: int = 0, pools: Callable[..., Any] | None = None) -> None:
        if pools is None:
            return
        cls._spatial, cls._pools = spatial, staticmethod(pools)
        names = [field.name for field in fields(cls)]
        cls._finds = "return_indices" in names
        cls._takes = tuple(name for name in names if name not in ("layout", "return_indices"))
        if pools.__doc__ is not None:  # python -OO
            cls.__doc__ = DOCUMENTED.format(
                name=cls.__name__, function=pools.__name__, summary=pools.__doc__.partition("\n")[0],
                axes=" and ".join(AXES[spatial]), parameters="\n    ".join(f"%({text})s" for text in cls._texts),
                example=cls._example, four=", 4" * spatial, two=", 2" * spatial,
            )  # fmt: skip
        complete(cls, "tilepool.nn")

    def __post_init__(self) -> None:
        self.training = True
        self._x: Any = None  # of the last call
        self._indices: Any = None
        arguments.choice("layout", self.layout, LAYOUTS)
        arguments.flag("return_indices", self.return_indices)
        self._pools.__wrapped__(None, **self._options((0,)))  # type: ignore[attr-defined] # refuses what it does of any x

    def __repr__(self) -> str:
        own = [field.name for field in fields(self) if field.kw_only and getattr(self, field.name) != field.default]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in (*self._shown, *own))})"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_x": None, "_indices": None}

    def __call__(self, x: ArrayLike) -> Any:
        return self.forward(x)

    def forward(self, x: ArrayLike) -> Any:
        """Pool `x`, with a batch axis or without: an array, and with ``return_indices`` a second one of places."""
        options = self._options(self._axes(x))
        if not self.return_indices and not (self._finds and self.training):
            self._x, self._indices = x, None
            return self._pools(x, **options)
        fits = prod(np.shape(x)[axis] for axis in options["axis"]) <= np.iinfo("int32").max
        index_dtype = "int32" if fits and not self.return_indices else "int64"
        values, indices = self._pools(x, **options, return_indices=True, index_dtype=index_dtype)
        self._x, self._indices = x, indices
        return (values, indices) if self.return_indices else values

    def backward(self, g: ArrayLike) -> Array:
        """The gradient of ``sum(g * values)`` with respect to the x of the last call, in the dtype of `g`."""
        if self._x is None:
            raise RuntimeError(f"backward must follow a call of the layer: {self!r} has pooled nothing yet")
        found = {} if self._indices is None else {"indices": self._indices}
        gradient = getattr(grad, self._pools.__name__)
        result: Array = gradient(g, self._x, **self._options(self._axes(self._x)), **found)
        return result

    def train(self, mode: bool = True) -> Self:
        """Keep the places of maxima and minima, which spares `backward` the search. Returns the layer."""
        self.training = arguments.flag("mode", mode)
        return self

    def eval(self) -> Self:
        """Keep none, for inference: `backward` searches them when it is called. Returns the layer."""
        return self.train(False)

    def _axes(self, x: ArrayLike) -> tuple[int, ...]:
        last = self.layout == LAYOUTS[1]
        if np.ndim(x) - self._spatial not in (1, 2):
            axes = ", ".join((*AXES[self._spatial], "channel") if last else ("channel", *AXES[self._spatial]))
            raise ValueError(f"x must be ({axes}) or (batch, {axes}) for {self!r}, not of shape {np.shape(x)}")
        return tuple(range(-self._spatial - last, -last))

    def _options(self, axes: tuple[int, ...]) -> dict[str, Any]:
        return {"axis": axes, **{name: getattr(self, name) for name in self._takes}}


@dataclass(repr=False, eq=False)
class _Extrema(Layer):
    """Maxima or minima."""

    kernel_size: Integers
    stride: Stride = None
    padding: Padding = 0
    dilation: Integers = 1
    return_indices: bool = False
    ceil_mode: CeilMode = False
    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    _texts = ("kernel_size", "sliding", "places")

    def __post_init__(self) -> None:
        self.stride = self.kernel_size if self.stride is None else self.stride
        super().__post_init__()


@dataclass(repr=False, eq=False)
class _Averages(Layer):
    """Averages."""

    kernel_size: Integers
    stride: Stride = None
    padding: Padding = 0
    ceil_mode: CeilMode = False
    count_include_pad: Flag = True
    divisor_override: SupportsIndex | None = None
    _: KW_ONLY
    dilation: Integers = 1
    _shown = ("kernel_size", "stride", "padding")
    _texts = ("kernel_size", "sliding", "avg_divisors")

    def __post_init__(self) -> None:
        self.stride = self.kernel_size if self.stride is None else self.stride
        for name in self._shown if self._spatial == 1 else ():  # as torch.nn does here, and nowhere else
            if isinstance(getattr(self, name), int):
                setattr(self, name, (getattr(self, name),))
        super().__post_init__()


@dataclass(repr=False, eq=False)
class _Norms(Layer):
    """p-norms."""

    norm_type: float
    kernel_size: Integers
    stride: Stride = None
    ceil_mode: CeilMode = False
    _: KW_ONLY
    padding: Padding = 0
    dilation: Integers = 1
    _shown = ("norm_type", "kernel_size", "stride", "ceil_mode")
    _texts = ("norm_type", "kernel_size", "sliding")
    _example = "2, 2"


@dataclass(repr=False, eq=False)
class _AdaptiveAverages(Layer):
    """Averages of as many windows as wanted."""

    output_size: Sizes
    _shown = ("output_size",)
    _texts: ClassVar[tuple[str, ...]] = ("output_size",)


@dataclass(repr=False, eq=False)
class _AdaptiveExtrema(_AdaptiveAverages):
    """Maxima of as many windows as wanted."""

    return_indices: bool = False
    _texts = ("output_size", "places")


# fmt: off
class MaxPool1d(_Extrema, spatial=1, pools=max_pool): ...
class MaxPool2d(_Extrema, spatial=2, pools=max_pool): ...
class MaxPool3d(_Extrema, spatial=3, pools=max_pool): ...
class MinPool1d(_Extrema, spatial=1, pools=min_pool): ...
class MinPool2d(_Extrema, spatial=2, pools=min_pool): ...
class MinPool3d(_Extrema, spatial=3, pools=min_pool): ...
class AvgPool1d(_Averages, spatial=1, pools=avg_pool): ...
class AvgPool2d(_Averages, spatial=2, pools=avg_pool): ...
class AvgPool3d(_Averages, spatial=3, pools=avg_pool): ...
class LPPool1d(_Norms, spatial=1, pools=lp_pool): ...
class LPPool2d(_Norms, spatial=2, pools=lp_pool): ...
class LPPool3d(_Norms, spatial=3, pools=lp_pool): ...
class AdaptiveMaxPool1d(_AdaptiveExtrema, spatial=1, pools=adaptive_max_pool): ...
class AdaptiveMaxPool2d(_AdaptiveExtrema, spatial=2, pools=adaptive_max_pool): ...
class AdaptiveMaxPool3d(_AdaptiveExtrema, spatial=3, pools=adaptive_max_pool): ...
class AdaptiveAvgPool1d(_AdaptiveAverages, spatial=1, pools=adaptive_avg_pool): ...
class AdaptiveAvgPool2d(_AdaptiveAverages, spatial=2, pools=adaptive_avg_pool): ...
class AdaptiveAvgPool3d(_AdaptiveAverages, spatial=3, pools=adaptive_avg_pool): ...
