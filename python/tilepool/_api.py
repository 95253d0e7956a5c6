"""The public functions: their names, their words, and what they promise."""

from __future__ import annotations  # so that help() shows the short names below

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _core
from . import _missing as missing
from ._call import find
from ._missing import PROPAGATE

Array: TypeAlias = npt.NDArray[Any]
Integers: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Padding: TypeAlias = Integers | Sequence[Sequence[SupportsIndex]] | Literal["valid", "same", "same_lower"]
CeilMode: TypeAlias = bool | np.bool_ | Literal["floor", "ceil", "full"]
Rounding: TypeAlias = Literal["half_even", "half_up", "floor", "trunc"]
Layout: TypeAlias = Literal["channels_first", "channels_last"]
NanPolicy: TypeAlias = Literal["propagate", "omit", "raise"]


Output: TypeAlias = Array | tuple[Array | None, Array | None] | None
IndexBase: TypeAlias = Literal["plane", "batch", "array", "window"]


def pool(
    op: str,
    x: npt.ArrayLike,
    words: tuple[object, ...],
    out: Any,
    threads: object,
    nan_policy: object = "propagate",
    mask: object = None,
    weights: object = None,
) -> Array:
    """The way of every call; `words` are what `_call.make` understands."""
    array = arguments.array(x)
    number = 0 if threads is None else arguments.threads(threads)
    # By `is`, because an array is not simply equal to a word. Another equal string goes the longer way.
    if nan_policy is PROPAGATE and mask is None and weights is None:
        return find(op, array, words).run(array, out, number)
    return missing.pool(op, array, words, out, number, nan_policy, mask, weights)


def pick(
    op: str,
    x: npt.ArrayLike,
    words: tuple[object, ...],
    index_base: object,
    index_dtype: object,
    out: Output,
    threads: object,
    nan_policy: object = "propagate",
    mask: object = None,
) -> tuple[Array, Array]:
    """That of the calls that return indices."""
    array = arguments.array(x)
    words = (*words, None, True, None, "half_even", index_base, index_dtype)
    outs = arguments.output_pair(out)
    if nan_policy is PROPAGATE and mask is None:
        return find(op, array, words).pick(array, outs, arguments.threads(threads))
    return missing.pick(op, array, words, outs, arguments.threads(threads), nan_policy, mask)


@overload
def max_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    return_indices: Literal[False] = ...,
    *,
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: IndexBase = ...,
    nan_policy: NanPolicy = ...,
    mask: npt.ArrayLike | None = ...,
    out: Array | None = ...,
    threads: SupportsIndex | None = ...,
) -> Array: ...
@overload
def max_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    *,
    return_indices: Literal[True],
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: IndexBase = ...,
    nan_policy: NanPolicy = ...,
    mask: npt.ArrayLike | None = ...,
    out: Output = ...,
    threads: SupportsIndex | None = ...,
) -> tuple[Array, Array]: ...
def max_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    return_indices: bool | np.bool_ = False,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    index_dtype: npt.DTypeLike = "int64",
    index_base: IndexBase = "plane",
    nan_policy: NanPolicy = "propagate",
    mask: npt.ArrayLike | None = None,
    out: Output = None,
    threads: SupportsIndex | None = None,
) -> Array | tuple[Array, Array]:
    """The largest value of each window.

    Arguments given per axis are a tuple or list with one value for each pooled axis, in the order in which the axes
    are named; a single value stands for all of them.

    Parameters
    ----------
    x : array_like
        Array of float16, bfloat16 (of the package ml_dtypes), float32, float64, bool, or integers of 8 to 64 bits with
        any number of dimensions and any strides. An array whose fastest axis in memory is contiguous is read where it
        lies; any other is copied once.
    kernel_size : int or tuple of int
        Size of the window along each pooled axis, in taps.
    stride : int or tuple of int, optional
        Distance from a window to the next, in cells. Default: `kernel_size`.
    padding : int, tuple of int, tuple of (int, int), or {"valid", "same", "same_lower"}, default 0
        Cells added before and after each pooled axis: one number for both sides, or a pair (before, after) per axis.
        Smaller than the window's extent, ``dilation * (kernel_size - 1) + 1``. A padded cell is never a value.
        "valid" pads nothing. "same" pads as much as gives ``ceil(n / stride)`` windows, with an odd cell after
        (TensorFlow's "SAME", ONNX's SAME_UPPER); "same_lower" has it before (ONNX's SAME_LOWER).
    dilation : int or tuple of int, default 1
        Distance from a tap of a window to the next, in cells.
    ceil_mode : {False, True, "floor", "ceil", "full"}, default False
        Round the number of windows down: False, "floor". Up, but drop a last window that would start at or after the
        end of x and the padding before it: True, "ceil" (the rule of PyTorch and ONNX). Up without that: "full" (the
        rule of MXNet, and of Caffe where nothing is padded).
    return_indices : bool, default False
        Return a second array that tells where each value was found: the first of equal cells in row-major order of the
        window, the first NaN where there is one, -1 where the window has no cell.
    layout : {"channels_first", "channels_last"}, default "channels_first"
        Which axes are pooled where `axis` is not given: all but the first two of ``(batch, channel, *spatial)``, or
        all but the first and the last of ``(batch, *spatial, channel)``. Both need three dimensions or more.
    axis : int or tuple of int, optional
        The axes to pool; `layout` is then not used.
    index_dtype : {"int64", "int32", "uint8"}, default "int64"
        Of the indices. They must fit; uint8 has room for the windows of fewer than 256 taps, and 255 instead of -1.
    index_base : {"plane", "batch", "array", "window"}, default "plane"
        What indices count, in row-major order: the cells of the pooled axes (PyTorch), those of all axes but the first
        (TensorFlow), those of the whole array (ONNX), or the taps of the window.
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        A NaN makes its windows NaN, or is left out of them, or is an error wherever it is. A cell that is left out is
        like padding: as if it were not there.
    mask : array_like of bool, optional
        True where a cell of x counts, in a shape that broadcasts to that of x. All others are left out, NaN or not.
    out : numpy.ndarray, optional
        Array of the result's shape to write the result to, of a dtype that the result casts to under "same_kind", with
        any strides. It may overlap `x`. With `return_indices` it may be a pair of such arrays, or None instead of one.
    threads : int, optional
        Number of threads, 1 to 1024. Default: that of `set_threads`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`. Along a pooled axis of n cells it has
        ``floor((n + before + after - extent) / stride) + 1`` values (with `ceil_mode` ceil); other axes keep their
        size. A window that sees a NaN gives NaN; one that sees only padding, or cells that are left out, gives the
        lowest value of the dtype. The largest of bools is whether any is True.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.

    Raises
    ------
    TypeError
        An argument or a dtype is of a kind that is not supported.
    ValueError
        An argument has a value that is not allowed, or a pooled axis is empty; or x holds a NaN that is not masked
        where `nan_policy` is "raise".
    numpy.exceptions.AxisError
        `axis` names an axis that x does not have.

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``max_pool2d``, as is the number of
    windows; padding up to the window's extent and padding by name are allowed in addition. The result is equal bit for
    bit for any number of threads and any instruction set. With `return_indices` the time grows with the number of taps,
    and an array whose pooled axes lie in memory in another order than they are counted is copied once. An array of
    which cells are left out is copied once.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.arange(16).reshape(1, 1, 4, 4)  # batch, channel, height, width
    >>> tp.max_pool(x, 3, stride=2, padding=1)
    array([[[[ 5,  7],
             [13, 15]]]])
    >>> values, indices = tp.max_pool(x, 2, return_indices=True)
    >>> indices
    array([[[[ 5,  7],
             [13, 15]]]])
    >>> tp.max_pool(np.array([1.0, np.nan, 4.0, 2.0]), 2, axis=0, nan_policy="omit")
    array([1., 4.])
    >>> tp.max_pool(np.array([1, 3, 4, 2]), 2, axis=0, mask=[True, False, True, True])
    array([1, 4])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    if return_indices is not False and arguments.flag("return_indices", return_indices):
        return pick("max", x, words, index_base, index_dtype, out, threads, nan_policy, mask)
    return pool("max", x, words, out, threads, nan_policy, mask)


@overload
def min_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    return_indices: Literal[False] = ...,
    *,
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: IndexBase = ...,
    nan_policy: NanPolicy = ...,
    mask: npt.ArrayLike | None = ...,
    out: Array | None = ...,
    threads: SupportsIndex | None = ...,
) -> Array: ...
@overload
def min_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    *,
    return_indices: Literal[True],
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: IndexBase = ...,
    nan_policy: NanPolicy = ...,
    mask: npt.ArrayLike | None = ...,
    out: Output = ...,
    threads: SupportsIndex | None = ...,
) -> tuple[Array, Array]: ...
def min_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    return_indices: bool | np.bool_ = False,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    index_dtype: npt.DTypeLike = "int64",
    index_base: IndexBase = "plane",
    nan_policy: NanPolicy = "propagate",
    mask: npt.ArrayLike | None = None,
    out: Output = None,
    threads: SupportsIndex | None = None,
) -> Array | tuple[Array, Array]:
    """The smallest value of each window.

    Parameters, shapes, dtypes and errors are those of `max_pool`. A window that sees a NaN gives NaN; one that sees
    only padding, or cells that are left out, gives the highest value of the dtype, infinity for floats. The smallest of
    bools is whether all are True.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`.

    See Also
    --------
    max_pool : describes every parameter.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.min_pool(np.array([3, 1, 2, 5, 4, 6]), 3, axis=0)
    array([1, 4])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    if return_indices is not False and arguments.flag("return_indices", return_indices):
        return pick("min", x, words, index_base, index_dtype, out, threads, nan_policy, mask)
    return pool("min", x, words, out, threads, nan_policy, mask)


def avg_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    ceil_mode: CeilMode = False,
    count_include_pad: bool | np.bool_ = True,
    divisor_override: SupportsIndex | None = None,
    *,
    dilation: Integers = 1,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    dtype: npt.DTypeLike | None = None,
    rounding: Rounding = "half_even",
    nan_policy: NanPolicy = "propagate",
    mask: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The average of each window.

    Parameters that are not listed here, shapes and errors are those of `max_pool`.

    Parameters
    ----------
    count_include_pad : bool, default True
        Divide by the taps inside the padded input; else by those inside `x`. What hangs over the padded input, as
        `ceil_mode` allows, is never counted. TensorFlow never counts padding: False.
    divisor_override : int, optional
        Divide every window by this instead. Not zero, and below 2**53 in magnitude.
    dtype : dtype_like, optional
        Of the result: any of the dtypes of `x` but bool. Default: that of x for floats, float32 for bool and integers
        of 8 or 16 bits, float64 for larger ones. Floats: x is converted to `dtype` before it is averaged. Integers: the
        average, exact for integer x and a float64 for others, is rounded and saturates at the limits of `dtype`.
    rounding : {"half_even", "half_up", "floor", "trunc"}, default "half_even"
        How an average becomes an integer, where `dtype` is one: the nearest, where a half goes to the even one
        ("half_even") or to the larger one ("half_up"); the next below ("floor"); the next towards 0 ("trunc").
    nan_policy, mask
        As in `max_pool`. A cell that is left out is taken off the divisor, unless that is `divisor_override`.
    weights : array_like of real numbers, optional
        What each cell counts, in a shape that broadcasts to that of x; zero and negative ones are allowed, NaN is not.
        The average is ``sum(weights * x) / sum(weights)`` over the window, in float64, converted to the dtype of the
        result in the end. A tap over the padding weighs 1 where `count_include_pad` counts it.

    Returns
    -------
    numpy.ndarray
        `out`, or an array of `dtype` with the memory order of `x`. A window that sees a NaN gives NaN; one whose
        divisor is 0 gives NaN as a float, 0 as an integer. (Where weights cancel, a sum that is not 0 is divided by 0:
        an infinity.)

    Raises
    ------
    ValueError
        `dtype` is an integer and a window's average is NaN, or it is none and `rounding` is not the default; and all
        that `max_pool` raises.

    See Also
    --------
    max_pool : describes all other parameters.

    Notes
    -----
    Names, order and defaults of the positional arguments, and the divisors, are those of PyTorch's ``avg_pool2d``. A
    float is off by at most ``taps * u * sum(abs(x)) / divisor`` and the rounding of the division, with u = 2**-24 for
    float32 and 2**-53 for float64; float16 and bfloat16 are averaged as float32 and rounded to nearest in the end.
    There are no running sums: nothing cancels, and no infinity outlives its window.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([2, 3, 3, 4], dtype=np.uint8)
    >>> tp.avg_pool(x, 2, axis=0)
    array([2.5, 3.5], dtype=float32)
    >>> tp.avg_pool(x, 2, axis=0, dtype="uint8")
    array([2, 4], dtype=uint8)
    >>> tp.avg_pool(x, 2, axis=0, dtype="uint8", rounding="half_up")
    array([3, 4], dtype=uint8)
    >>> tp.avg_pool(np.array([2.0, np.nan, 1.0, 4.0]), 2, axis=0, nan_policy="omit")
    array([2. , 2.5])
    >>> tp.avg_pool(np.array([2.0, 6.0, 1.0, 4.0]), 2, axis=0, weights=[3, 1, 0, 2])
    array([3., 4.])
    """
    words = (
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        layout,
        axis,
        dtype,
        count_include_pad,
        divisor_override,
        rounding,
    )
    return pool("average", x, words, out, threads, nan_policy, mask, weights)


def sum_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    dtype: npt.DTypeLike | None = None,
    nan_policy: NanPolicy = "propagate",
    mask: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The sum of each window.

    Parameters that are not listed here, shapes and errors are those of `max_pool`.

    Parameters
    ----------
    dtype : dtype_like, optional
        Of the result: any of the dtypes of `x` but bool. x is converted to it before it is summed, and integers wrap,
        as in `numpy.sum`. Default: that of x for floats, uint64 for unsigned integers, int64 for signed ones and bool.
    nan_policy, mask
        As in `max_pool`.
    weights : array_like of real numbers, optional
        What each cell is multiplied by, in a shape that broadcasts to that of x; NaN is not allowed. Where `dtype` is a
        float, products and sums are calculated in float64 and converted in the end; else they wrap, and `weights` must
        be integers or bool. Default of `dtype` where x has integers: float64 if weights are floats, uint64 if both are
        unsigned, else int64.

    Returns
    -------
    numpy.ndarray
        `out`, or an array of `dtype` with the memory order of `x`. A window that sees a NaN gives NaN; one that sees
        only padding gives 0.

    See Also
    --------
    max_pool : describes all other parameters.

    Notes
    -----
    Integer sums are exact modulo 2**n. A float sum is off by at most ``taps * u * sum(abs(x))`` with u = 2**-24 for
    float32 and 2**-53 for float64; float16 and bfloat16 are summed as float32 and rounded to nearest in the end.
    There are no running sums: nothing cancels, and no infinity outlives its window.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.sum_pool(np.array([200, 100, 3, 4], dtype=np.uint8), 2, axis=0)
    array([300,   7], dtype=uint64)
    >>> tp.sum_pool(np.array([200, 100, 3, 4], dtype=np.uint8), 2, axis=0, weights=[1, -1, 0, 2])
    array([100,   8])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis, dtype)
    return pool("sum", x, words, out, threads, nan_policy, mask, weights)


def set_threads(threads: SupportsIndex | None) -> int | None:
    """Set the number of threads of calls that name none, for the whole process.

    Parameters
    ----------
    threads : int or None
        1 to 1024, or None for the default: ``TILEPOOL_THREADS`` from the environment, else ``OMP_NUM_THREADS``, else
        the CPUs that the process may use.

    Returns
    -------
    int or None
        What was set before, to be set again later.

    Raises
    ------
    TypeError, ValueError
        `threads` is not such a number.

    Examples
    --------
    >>> import tilepool as tp
    >>> before = tp.set_threads(2)
    >>> tp.get_threads()
    2
    >>> tp.set_threads(before)
    2
    """
    return _core.set_threads(arguments.threads(threads)) or None


def get_threads() -> int:
    """The number of threads of calls that name none; see `set_threads`.

    Small arrays are pooled by one thread whatever the number.

    Examples
    --------
    >>> import tilepool as tp
    >>> tp.get_threads() >= 1
    True
    """
    return _core.get_threads()


def show_config() -> None:
    """Print version, compiler, instruction sets and threads.

    Examples
    --------
    >>> import tilepool as tp
    >>> tp.show_config()  # doctest: +ELLIPSIS
    tilepool ...
    """
    built, usable, used = _core.built_isas(), _core.available_isas(), _core.get_isa()
    print(
        f"tilepool {_core.__version__}",
        f"numpy             {np.__version__}",
        f"compiler          {_core.compiler}",
        f"instruction sets  {', '.join(built)} (this CPU: {', '.join(usable)}; in use: {used})",
        f"threads           {_core.get_threads()} ({_core.backend})",
        f"element types     {', '.join(_core.dtypes)}",
        sep="\n",
    )
