"""The pooling modules of `torch.nn`, which differ from these in what calculates, and three that torch does not have."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

import tilepool as tp

from . import functional

# Each is a class of torch with another `forward`: names, arguments, attributes and what is printed are torch's.


class Max:
    def forward(self: Any, input: Tensor) -> Any:
        return self.pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool1d(Max, nn.MaxPool1d):
    pool = staticmethod(functional.max_pool1d)


class MaxPool2d(Max, nn.MaxPool2d):
    pool = staticmethod(functional.max_pool2d)


class MaxPool3d(Max, nn.MaxPool3d):
    pool = staticmethod(functional.max_pool3d)


class Avg:
    def forward(self: Any, input: Tensor) -> Any:
        windows = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        return self.pool(input, *windows, getattr(self, "divisor_override", None))


class AvgPool1d(Avg, nn.AvgPool1d):
    pool = staticmethod(functional.avg_pool1d)


class AvgPool2d(Avg, nn.AvgPool2d):
    pool = staticmethod(functional.avg_pool2d)


class AvgPool3d(Avg, nn.AvgPool3d):
    pool = staticmethod(functional.avg_pool3d)


class LP:
    def forward(self: Any, input: Tensor) -> Any:
        return self.pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(LP, nn.LPPool1d):
    pool = staticmethod(functional.lp_pool1d)


class LPPool2d(LP, nn.LPPool2d):
    pool = staticmethod(functional.lp_pool2d)


class LPPool3d(LP, nn.LPPool3d):
    pool = staticmethod(functional.lp_pool3d)


class AdaptiveMax:
    def forward(self: Any, input: Tensor) -> Any:
        return self.pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(AdaptiveMax, nn.AdaptiveMaxPool1d):
    pool = staticmethod(functional.adaptive_max_pool1d)


class AdaptiveMaxPool2d(AdaptiveMax, nn.AdaptiveMaxPool2d):
    pool = staticmethod(functional.adaptive_max_pool2d)


class AdaptiveMaxPool3d(AdaptiveMax, nn.AdaptiveMaxPool3d):
    pool = staticmethod(functional.adaptive_max_pool3d)


class AdaptiveAvg:
    def forward(self: Any, input: Tensor) -> Any:
        return self.pool(input, self.output_size)


class AdaptiveAvgPool1d(AdaptiveAvg, nn.AdaptiveAvgPool1d):
    pool = staticmethod(functional.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(AdaptiveAvg, nn.AdaptiveAvgPool2d):
    pool = staticmethod(functional.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(AdaptiveAvg, nn.AdaptiveAvgPool3d):
    pool = staticmethod(functional.adaptive_avg_pool3d)


class Fractional:
    """One draw of windows, from torch's generator, for all images and channels."""

    def forward(self: Any, input: Tensor) -> Any:
        windows = (self.kernel_size, self.output_size, self.output_ratio)
        return self.pool(input, *windows, self.return_indices, self._random_samples)


class FractionalMaxPool2d(Fractional, nn.FractionalMaxPool2d):
    pool = staticmethod(functional.fractional_max_pool2d)


class FractionalMaxPool3d(Fractional, nn.FractionalMaxPool3d):
    pool = staticmethod(functional.fractional_max_pool3d)


class Unpool:
    def forward(self: Any, input: Tensor, indices: Tensor, output_size: Any = None) -> Any:
        return self.pool(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(Unpool, nn.MaxUnpool1d):
    pool = staticmethod(functional.max_unpool1d)


class MaxUnpool2d(Unpool, nn.MaxUnpool2d):
    pool = staticmethod(functional.max_unpool2d)


class MaxUnpool3d(Unpool, nn.MaxUnpool3d):
    pool = staticmethod(functional.max_unpool3d)


# ---- what torch does not have ----------------------------------------------------------------------------------------

PLANE = (-2, -1)


class Windows2d(nn.Module):
    """Windows over the last two axes."""

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def extra_repr(self) -> str:
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)

    def windows(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode


class SoftPool2d(Windows2d):
    """The mean of each window, weighted by the softmax of its cells: `tilepool.softmax_pool`."""

    def forward(self, input: Tensor) -> Any:
        return tp.softmax_pool(input, *self.windows(), axis=PLANE)


class StochasticPool2d(Windows2d):
    """A cell of each window, drawn by its size; the average of what would be drawn under `eval()`."""

    def forward(self, input: Tensor) -> Any:
        return tp.stochastic_pool(input, *self.windows(), training=self.training, axis=PLANE)


class GeMPool2d(nn.Module):
    """The generalised mean of each window, or, without a `kernel_size`, of each plane: `tilepool.gem_pool`."""

    def __init__(
        self, kernel_size: Any = None, stride: Any = None, padding: Any = 0, p: float = 3.0, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.p, self.eps = p, eps

    def forward(self, input: Tensor) -> Any:
        if self.kernel_size is None:
            return tp.global_pool(input, "gem", p=self.p, eps=self.eps, axis=PLANE)
        return tp.gem_pool(input, self.kernel_size, self.stride, self.padding, p=self.p, eps=self.eps, axis=PLANE)

    def extra_repr(self) -> str:
        windows = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
        return (windows if self.kernel_size is not None else "") + f"p={self.p}, eps={self.eps}"
