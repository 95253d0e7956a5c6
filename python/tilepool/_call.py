"""A call whose arguments are understood: made once for arguments and form of x, then run on every such x."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from . import _arguments as arguments
from ._arguments import Array
from ._core import Plan
from ._dtypes import NUMBERS, UINT16, UINT64, DType, Op, choose, is_bfloat16, is_float, readable, reads


@dataclass(frozen=True, slots=True)
class Call:
    """Depends on dtype, shape and strides of x, never on its values."""

    plan: Plan
    dtype: DType  # of the result
    wraps: bool  # integers that `dtype` does not hold wrap, as in sums; else they saturate
    source: DType | None  # x is copied to this dtype first; None: the core reads it, whatever its strides
    order: tuple[int, ...]  # the axes of that copy, outermost in memory first
    view: DType | None  # what x is seen as by the core: it knows no other byte order, and numpy no bfloat16
    indices: DType | None  # of the indices that come with the values; None: there are none
    sums: Plan | None  # for averages in integers: tells the 0 / 0 of a window without cells from a NaN in x
    direct: bool  # the plan's result is the call's
    plain: bool  # and nothing has to be done to x or `out` before
    bits: DType | None  # bfloat16, if that is what the plan reads and writes: numpy has none, the core sees bits
    rounding: str  # of averages in integers

    def pick(self, x: Array, outs: tuple[Array | None, Array | None], threads: int) -> tuple[Array, Array]:
        """Values and indices, of max and min."""
        targets = arguments.output(outs[0]), arguments.output(outs[1])
        if self.source is not None:
            x = copied(x, self.source, self.order)
        try:
            values, indices = self.picked(x, targets, threads)
        except ValueError:  # the core does not write to such arrays
            if targets[0] is None and targets[1] is None:
                raise
            for target, dtype in zip(targets, (self.dtype, self.indices), strict=True):
                if target is not None and dtype is not None:
                    arguments.check_output(target, self.plan.result_shape, dtype)
            values, indices = self.picked(x, (None, None), threads)
            for target, result in zip(targets, (values, indices), strict=True):
                if target is not None:
                    np.copyto(target, result, casting="unsafe")
        if outs[1] is None and self.indices is not None:
            indices = indices.astype(self.indices, copy=False)
        return values if outs[0] is None else outs[0], indices if outs[1] is None else outs[1]

    def picked(self, x: Array, outs: tuple[Array | None, Array | None], threads: int) -> tuple[Array, Array]:
        """The plan's results on x."""
        if self.view is not None:
            x = x.view(self.view)
        if self.bits is None:
            return self.plan.pick(x, *outs, threads)
        if outs[0] is not None and outs[0].dtype != self.bits:
            raise ValueError("out must be of bfloat16")
        values, indices = self.plan.pick(x, None if outs[0] is None else outs[0].view(UINT16), outs[1], threads)
        return values.view(self.bits), indices

    def run(self, x: Array, out: Array | None, threads: int) -> Array:
        if self.plain and (out is None or type(out) is np.ndarray):
            try:
                return self.plan.run(x, out, threads)
            except ValueError:
                # The core does not write to such an `out`.
                pass
        target = arguments.output(out)
        if self.source is not None:
            x = copied(x, self.source, self.order)
        if self.direct:
            try:
                result = self.pooled(x, target, threads)
                return result if out is None else out
            except ValueError:
                # The core does not write to such an `out`.
                pass
        if target is not None:
            arguments.check_output(target, self.plan.result_shape, self.dtype)
        result = self.finished(self.pooled(x, None, threads), x, threads)
        if out is None or target is None:
            return result
        np.copyto(target, result, casting="same_kind")
        return out

    def pooled(self, x: Array, out: Array | None, threads: int) -> Array:
        """The plan's result on x."""
        if self.view is not None:
            x = x.view(self.view)
        if self.bits is None:
            return self.plan.run(x, out, threads)
        if out is not None:
            if out.dtype != self.bits:
                raise ValueError("out must be of bfloat16")
            out = out.view(UINT16)
        return self.plan.run(x, out, threads).view(self.bits)

    def finished(self, result: Array, x: Array, threads: int) -> Array:
        """The plan's result on x as the call's."""
        if result.dtype == self.dtype:
            return result
        if self.wraps or is_float(self.dtype):
            with np.errstate(over="ignore"):  # float32 becomes float16
                return result.astype(self.dtype)
        if result.dtype.kind == "f":
            empty = np.isnan(result)
            if empty.any():
                seen = x if self.view is None else x.view(self.view)
                if self.sums is None or np.isnan(self.sums.run(seen, None, threads)).any():
                    raise ValueError(f"x must not have a window whose average is NaN where dtype is {self.dtype}")
                result[empty] = 0
        return saturated(result, self.dtype, self.rounding)


def copied(x: Array, dtype: DType, order: tuple[int, ...]) -> Array:
    """A dense copy with the given axes outermost in memory first."""
    copy = np.empty([x.shape[axis] for axis in order], dtype).transpose(np.argsort(order))
    np.copyto(copy, x, casting="unsafe")
    return copy


def saturated(numbers: Array, dtype: DType, rounding: str) -> Array:
    """Rounded to integers of `dtype` by the named rule. Overwrites `numbers`, which are not NaN."""
    limits = np.iinfo(dtype)
    if numbers.dtype.kind != "f":
        return np.clip(numbers, limits.min, limits.max, out=numbers).astype(dtype)
    rounded(numbers, rounding)
    over = numbers >= float(limits.max)  # 2**63 for int64: float64 has no 2**63 - 1
    numbers[over] = 0
    integers = np.maximum(numbers, float(limits.min), out=numbers).astype(dtype)
    integers[over] = limits.max
    return integers


def rounded(numbers: Array, rounding: str) -> None:
    """Round floats in place."""
    if rounding != "half_up":
        {"half_even": np.rint, "floor": np.floor, "trunc": np.trunc}[rounding](numbers, out=numbers)
        return
    floors = np.floor(numbers)
    with np.errstate(invalid="ignore"):  # infinity - infinity, which is no half and more
        np.add(floors, numbers - floors >= 0.5, out=numbers)


def memory_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The axes, outermost in memory first. Axes of size 1 or stride 0 have no place of their own and stay put."""
    order: list[int] = []
    for axis, (n, stride) in enumerate(zip(shape, strides, strict=True)):
        place = len(order)
        for before in reversed(range(len(order))):
            other = order[before]
            if min(n, shape[other]) <= 1 or 0 in (stride, strides[other]):
                continue
            if abs(strides[other]) >= abs(stride):
                break
            place = before
        order.insert(place, axis)
    return tuple(order)


def dense_strides(shape: tuple[int, ...], itemsize: int, order: tuple[int, ...]) -> tuple[int, ...]:
    strides = [0] * len(shape)
    for axis in reversed(order):
        strides[axis] = itemsize
        itemsize *= max(1, shape[axis])
    return tuple(strides)


def make(
    op: str | Op,
    given: DType,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil_mode: object,
    layout: object,
    axis: object,
    dtype: object = None,
    count_include_pad: object = True,
    divisor_override: object = None,
    rounding: object = "half_even",
    index_base: object = None,
    index_dtype: object = None,
) -> Call:
    """The call of the public functions' words on an array of the given form."""
    op = Op(op) if isinstance(op, str) else op
    native = readable(given)
    axes = arguments.pooled_axes(layout, axis, len(shape))
    sizes = tuple(shape[axis] for axis in axes)
    pooled = arguments.windows(sizes, kernel_size, stride, padding, dilation, ceil_mode)
    windows = dict(zip(axes, pooled, strict=True))
    count_padding = arguments.flag("count_include_pad", count_include_pad)
    divisor = arguments.divisor(divisor_override)
    core_op, source, result = choose(op, native, dtype)
    rule = arguments.rounding(rounding, is_float(result))

    order, ordered = memory_order(shape, strides), False
    counted = arguments.indices(index_base, index_dtype, shape, axes, pooled)
    if counted is not None:
        # Of equal cells the first one counts, in the order of the axes: that of the memory must be the same.
        places = [axis for axis in order if axis in axes and shape[axis] > 1]
        if places != sorted(places):
            order, ordered = tuple(range(len(shape))), True
    copies = not reads(native, source)
    if copies:
        native, strides = source, dense_strides(shape, source.itemsize, order)
    swapped = not copies and given != native
    view = UINT16 if is_bfloat16(native) else native if swapped else None

    def plan(core_op: str) -> Plan:
        where = tuple(map(windows.get, range(len(shape))))
        indices = (
            ("none", (), True) if counted is None else (counted.counts, counted.weights, counted.dtype.itemsize == 8)
        )
        return Plan(
            core_op,
            source.name,
            shape,
            strides,
            where,
            count_padding,
            divisor,
            rule,
            result == UINT64,
            *indices,
            op.parameters,
            op.omit,
            native.name,
            swapped,
            order if ordered else (),
        )

    pool = plan(core_op)
    direct = pool.result_dtype == result.name
    return Call(
        plan=pool,
        dtype=result,
        wraps=op.name in ("sum", "product"),
        source=source if copies else None,
        order=order,
        view=view,
        indices=None if counted is None else counted.dtype,
        sums=plan("sum") if core_op == "average" and not is_float(result) else None,
        direct=direct,
        plain=direct and not copies and view is None and not is_bfloat16(source),
        bits=source if is_bfloat16(source) else None,
        rounding=rule,
    )


PLAIN = frozenset((int, str, bool, type(None)))


def kinds(words: tuple[object, ...]) -> tuple[object, ...]:
    """The types of all parts of the words: as keys, 2, 2.0 and numpy's 2 are equal, and so are 1 and True."""
    return *map(type, words), *[kinds(word) for word in words if isinstance(word, tuple)]


# By their ids, because a metaclass may say that its types equal these.
HONEST = frozenset(
    id(kind)
    for kind in (
        *(*PLAIN, tuple, arguments.Adaptive, type),
        *(np.dtype(code).type for code in "?" + np.typecodes["AllInteger"]),
        *(type(np.dtype(name)) for name in ("bool", *NUMBERS) if name != "bfloat16"),
    )
)


def refuse_as_key(words: tuple[object, ...]) -> None:
    """Only what has a type of ours, of Python or of numpy: anything else may say that it equals what it does not."""
    for word in words:
        if id(type(word)) not in HONEST:
            raise TypeError("a word that is no key")
        if isinstance(word, tuple):
            refuse_as_key(word)


Form: TypeAlias = tuple[str | Op, DType, tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=512)
def kept(form: Form, words: tuple[object, ...], _: tuple[object, ...]) -> Call:
    refuse_as_key(words)
    return make(*form, *words)


def find(op: str | Op, x: Array, words: tuple[object, ...]) -> Call:
    """The call of these words on x."""
    form = (op, x.dtype, x.shape, x.strides)
    try:
        types = tuple(map(type, words))
        return kept(form, words, types if PLAIN.issuperset(types) else kinds(words))
    except Exception:
        # Some words are no key, nor is what hashes with an error of its own; any other error is raised again below.
        pass
    return make(*form, *words)
