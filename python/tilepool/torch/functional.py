"""The pooling functions of `torch.nn.functional`, by their names and with their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tilepool as tp

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Pool = Callable[..., Any]


def for_each_rank(make: Callable[[tuple[int, ...]], Pool]) -> tuple[Pool, Pool, Pool]:
    """The function of one, two and three pooled axes, which are the last ones."""
    functions = tuple(make(tuple(range(-rank, 0))) for rank in (1, 2, 3))
    for rank, function in enumerate(functions, 1):
        function.__name__ = function.__qualname__ = f"{make.__name__}{rank}d"
        function.__doc__ = f"`torch.nn.functional.{function.__name__}`."
    return functions  # type: ignore[return-value] # three


def max_pool(axis: tuple[int, ...]) -> Pool:
    def pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        stride = None if stride == [] else stride
        return tp.max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, axis=axis)

    return pool


def avg_pool(axis: tuple[int, ...]) -> Pool:
    def pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> Any:  # fmt: skip
        stride = None if stride == [] else stride
        return tp.avg_pool(
            input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, axis=axis
        )

    return pool


def lp_pool(axis: tuple[int, ...]) -> Pool:
    def pool(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        return tp.lp_pool(input, norm_type, kernel_size, stride, 0, ceil_mode, axis=axis)

    return pool


def adaptive_max_pool(axis: tuple[int, ...]) -> Pool:
    def pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return tp.adaptive_max_pool(input, output_size, return_indices=return_indices, axis=axis)

    return pool


def adaptive_avg_pool(axis: tuple[int, ...]) -> Pool:
    def pool(input: Tensor, output_size: Any) -> Any:
        return tp.adaptive_avg_pool(input, output_size, axis=axis)

    return pool


def fractional_max_pool(axis: tuple[int, ...]) -> Pool:
    def pool(
        input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Any = None,
    ) -> Any:  # fmt: skip
        if _random_samples is not None:
            raise TypeError("_random_samples must be None: all images and channels have the same windows here")
        windows = {"output_size": output_size, "output_ratio": output_ratio}
        return tp.fractional_max_pool(input, kernel_size, return_indices=return_indices, axis=axis, **windows)

    return pool


def max_unpool(axis: tuple[int, ...]) -> Pool:
    def pool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Any:
        if output_size is not None:
            output_size = tuple(output_size[-len(axis) :])
        return tp.max_unpool(input, indices, kernel_size, stride, padding, output_size, axis=axis)

    return pool


max_pool1d, max_pool2d, max_pool3d = for_each_rank(max_pool)
avg_pool1d, avg_pool2d, avg_pool3d = for_each_rank(avg_pool)
lp_pool1d, lp_pool2d, lp_pool3d = for_each_rank(lp_pool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = for_each_rank(adaptive_max_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = for_each_rank(adaptive_avg_pool)
_, fractional_max_pool2d, fractional_max_pool3d = for_each_rank(fractional_max_pool)
max_unpool1d, max_unpool2d, max_unpool3d = for_each_rank(max_unpool)
