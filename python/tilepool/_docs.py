"""The texts that public functions share: of parameters, errors and results, written once and shown in full everywhere.

In a docstring a line ``%(name)s`` stands for the text of that name.
"""

from __future__ import annotations

import re
from functools import cache
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Function = TypeVar("Function", bound=Callable[..., Any])

TEXTS = {
    "x": """
        x : array_like
            Array of float16, bfloat16 (of the package ml_dtypes), float32, float64, bool, or integers of 8 to 64 bits,
            of any number of dimensions and any strides. It is read where it lies. Buffers and DLPack objects on the
            CPU are read without a copy, too; a masked array is pooled with its mask, and the result has one. Tensors of
            torch and named arrays of xarray come back as what they were.
    """,
    "kernel_size": """
        kernel_size : int or tuple of int
            Size of the window along each pooled axis, in taps: one number for all, or one for each, in the order in
            which the axes are named. So are all arguments given per axis. Of a named array it may be a dict, such as
            ``{"lat": 4, "lon": 4}``, which names the pooled axes; so may the others.
    """,
    "norm_type": """
        norm_type : float
            The p of the norm: positive. ``math.inf`` gives the largest magnitude.
    """,
    "avg_divisors": """
        count_include_pad, divisor_override
            As in `tilepool.avg_pool`.
    """,
    "sliding": """
        stride : int or tuple of int, optional
            Distance from a window to the next, in cells. Default: `kernel_size`.
        padding : int, tuple of int, tuple of (int, int), or {"valid", "same", "same_lower"}, default 0
            Cells added before and after each pooled axis: one number for both sides, or a pair (before, after) per
            axis. Smaller than the window's extent, ``dilation * (kernel_size - 1) + 1``. A padded cell is never a
            value. "valid" pads nothing. "same" pads as much as gives ``ceil(n / stride)`` windows, with an odd cell
            after (TensorFlow's "SAME", ONNX's "SAME_UPPER"); "same_lower" has it before (ONNX's "SAME_LOWER").
        dilation : int or tuple of int, default 1
            Distance from a tap of a window to the next, in cells.
        ceil_mode : {False, True, "floor", "ceil", "full"}, default False
            Round the number of windows down: False, "floor". Up, but drop a last window that would start at or after
            the end of x and the padding before it: True, "ceil" (the rule of PyTorch and ONNX). Up without that: "full"
            (the rule of MXNet, and of Caffe where nothing is padded).
    """,
    "output_size": """
        output_size : int, None, or tuple of int and None
            Outputs along each pooled axis: one number for all, or one for each (of a named array, a dict of them). None
            leaves an axis as it is. Positive.
    """,
    "fractional": """
        kernel_size : int or tuple of int, optional
            Not given: windows lie between neighbouring boundaries and fill the axis. Given: windows have so many cells
            and may overlap; their first cells are the boundaries, from 0 to ``n - kernel_size``.
        output_size : int or tuple of int, optional
            Number of windows: at most n, or ``n - kernel_size + 1``.
        output_ratio : float or tuple of float, optional
            Number of windows as a share of the n cells: ``int(n * output_ratio)``. Above 0 and at most 1.
        overlapping : bool, default False
            A window also sees the first cell of the next one. Not where `kernel_size` is given.
        pseudorandom : bool, default True
            Whether boundary i is ``floor(a * (i + u)) - floor(a * u)`` with a the average step and one u drawn from
            [0, 1) for each axis. Else steps of ``floor(a)`` and ``ceil(a)`` come in random order.
        rng : numpy.random.Generator or int, optional
            What u or the order is drawn from, or its seed. Default: a new one at every call.
        boundaries : tuple of sequences of int, optional
            For each pooled axis the boundaries to use instead of drawing them: increasing, inside the axis, and one
            more than there are windows where `kernel_size` is not given.
        return_boundaries : bool, default False
            Return the boundaries, too.
    """,
    "places": """
        return_indices : bool, default False
            Return a second array that tells where each value was found: the first of equal cells in row-major order of
            the window, the first NaN where there is one, -1 where the window has no cell.
    """,
    "counting": """
        index_dtype : {"int64", "int32", "uint8"}, default "int64"
            Of the indices. They must fit; uint8 has room for the windows of fewer than 256 taps, and 255 instead of -1.
        index_base : {"plane", "batch", "array", "window"}, default "plane"
            What indices count, in row-major order: the cells of the pooled axes (PyTorch), those of all axes but the
            first (TensorFlow), those of the whole array (ONNX), or the taps of the window, where all have as many.
    """,
    "axes": """
        layout : {"channels_first", "channels_last"}, optional
            Which axes are pooled where `axis` is not given: all but the first two of ``(batch, channel, *spatial)``,
            the default, or all but the first and the last of ``(batch, *spatial, channel)``. Both need three dimensions
            or more.
        axis : int or tuple of int, optional
            The axes to pool, ``(0, 1)`` for an image; `layout` is then not used. Of a named array they may be names.
    """,
    "layer_layout": """
        layout : {"channels_first", "channels_last"}, default "channels_first"
            Whether x is ``(batch, channel, *spatial)`` or ``(batch, *spatial, channel)``. Both also without the batch.
    """,
    "nan_policy": """
        nan_policy : {"propagate", "omit", "raise"}, default "propagate"
            A NaN makes its windows NaN, or is left out of them, or is an error wherever it is. A cell that is left out
            is like padding: as if it were not there.
    """,
    "min_count": """
        min_count : int, default 0
            A window of fewer cells that are not left out gives NaN, as an integer or bool what one without cells gives,
            and the index -1 (255).
    """,
    "mask": """
        mask : array_like of bool, optional
            True where a cell of x counts, in a shape that broadcasts to that of x. All others are left out, NaN or not.
    """,
    "out": """
        out : numpy.ndarray, optional
            Array of the result's shape to write the result to, of a dtype that the result casts to under "same_kind",
            with any strides. It may overlap `x`. With `return_indices` it may be a pair of such arrays, or None instead
            of one.
        threads : int, optional
            Number of threads, 1 to 1024. Default: that of `set_threads`.
    """,
    "dtype": """
        dtype : dtype_like, optional
            Of the result: any of the dtypes of `x` but bool. Default: that of x for floats, float32 for bool and
            integers of 8 or 16 bits, float64 for larger ones. Floats: x is converted to `dtype` before it is averaged.
            Integers: the average, exact for integer x and a float64 for others, is rounded and saturates at the limits
            of `dtype`.
        rounding : {"half_even", "half_up", "floor", "trunc"}, default "half_even"
            How an average becomes an integer, where `dtype` is one: the nearest, where a half goes to the even one
            ("half_even") or to the larger one ("half_up"); the next below ("floor"); the next towards 0 ("trunc").
    """,
    "sum_dtype": """
        dtype : dtype_like, optional
            Of the result: any of the dtypes of `x` but bool. x is converted to it before it is summed, and integers
            wrap, as in `numpy.sum`. Default: that of x for floats, uint64 for unsigned integers, int64 for signed ones
            and bool.
    """,
    "avg_weights": """
        weights : array_like of real numbers, optional
            What each cell counts, in a shape that broadcasts to that of x; zero and negative ones are allowed, NaN is
            not. The average is ``sum(weights * x) / sum(weights)`` over the window, in float64, converted to the dtype
            of the result in the end. A tap over the padding weighs 1 where `count_include_pad` counts it.
    """,
    "sum_weights": """
        weights : array_like of real numbers, optional
            What each cell is multiplied by, in a shape that broadcasts to that of x; NaN is not allowed. Where `dtype`
            is a float, products and sums are calculated in float64 and converted in the end; else they wrap, and
            `weights` must be integers or bool. Default of `dtype` where x has integers: float64 if weights are floats,
            uint64 if both are unsigned, else int64.
    """,
    "op": """
        op : str
            What is kept of each window: "max", "min", "avg" (or "mean", "average"), "sum", "lp", "gem", "logsumexp",
            "softmax", "var", "std", "median", "quantile", "mode", "stochastic" or "mixed", what the function of that
            name does, `max_pool` and so on. "prod": the product, 1 of no cell, with integers that wrap and a `dtype` as
            in `sum_pool`. "any", "all": whether a cell or all cells are not 0, as bool. "count_nonzero": how many, as
            int64. A NaN is not 0.
    """,
    "options": """
        **options
            Other arguments of that function: ``return_indices`` of "max", ``dtype`` of "avg", ``q`` of "quantile" ...
    """,
    "errors": """
        Raises
        ------
        TypeError
            An argument or a dtype is of a kind that is not supported.
        ValueError
            An argument has a value that is not allowed, or a pooled axis is empty; or x holds a NaN that is not masked
            where `nan_policy` is "raise"; or x looks like a photo, and neither `axis` nor `layout` is given.
        numpy.exceptions.AxisError
            `axis` names an axis that x does not have.
    """,
    "float_result": """
        Returns
        -------
        numpy.ndarray
            `out`, or an array with the memory order of `x`: floats keep their dtype, bool and integers of 8 or 16 bits
            give float32, larger ones float64.
    """,
    "g": """
        g : array_like
            How much each value of the result counts: an array of floats of the shape that the pooling returns.
    """,
    "pooled_x": """
        x : array_like
            The array that was pooled.
    """,
    "x_or_shape": """
        x : array_like or tuple of int
            The array that was pooled, or its shape where that is enough: for sums and averages that leave no NaN out.
    """,
    "indices": """
        indices : array_like of int, optional
            Where the pooling found its values, as it returns them with ``return_indices=True``: they spare a second
            search. -1 (of uint8: 255) is no cell.
        index_base : {"plane", "batch", "array", "window"}, default "plane"
            What they count.
    """,
    "wrt": """
        weights : array_like of real numbers, optional
            Those of the pooling.
        wrt : {"x", "weights"}, default "x"
            What the gradient is with respect to. That of weights has their shape.
    """,
    "gradient_op": """
        op : str
            "max", "min", "avg" (or "mean", "average"), "sum" or "lp". The gradients of others are not there yet, or do
            not exist.
    """,
    "where_the_op_has_them": """
        indices, index_base, weights, wrt
            Where the op has them: see `max_pool` and `avg_pool`.
    """,
    "gradient_options": """
        **options
            Other arguments of that function: ``norm_type`` of "lp", ``count_include_pad`` of "avg" ...
    """,
    "not_yet": """
        NotImplementedError
            `op` has a gradient that is not there yet.
    """,
    "gradient_out": """
        out : numpy.ndarray, optional
            Array of the shape of `x` to write the gradient to, of a dtype that it casts to under "same_kind", with any
            strides. It may overlap `x` and `g`.
        threads : int, optional
            Number of threads, 1 to 1024. Default: that of `set_threads`.
    """,
    "gradient": """
        Returns
        -------
        numpy.ndarray
            `out`, or an array of the dtype of `g` with the shape and the memory order of `x` (of `g`, where x is a
            shape). Cells that are left out, or that no window sees, get 0.
    """,
    "imports": """
        >>> import numpy as np
        >>> import tilepool as tp
    """,
}

FIELD = re.compile(r"^( *)%\((\w+)\)s$", re.MULTILINE)


def complete(function: Function, module: str = "tilepool") -> Function:
    """Put the shared texts into the docstring of a public function, which is known by the name of a public module."""
    function.__module__ = module

    if function.__doc__ is not None:  # python -OO
        function.__doc__ = FIELD.sub(lambda field: text_of(field[2], field[1]), function.__doc__)
    return function


@cache
def text_of(name: str, margin: str) -> str:
    return indent(dedent(TEXTS[name]).strip(), margin)
