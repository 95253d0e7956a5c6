"""What a case gives, as digests: each of a class that says how long its bits are promised."""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import tilepool as tp
from golden.cases import Case, Drawn
from golden.values import FLOATS, Array, values, words
from layouts import lay_out

DIGEST_BYTES = 6
MEMORY = np.empty(40 << 20, np.uint8)

PROMISED = {
    "integers": "integers and truth values of integers; averages in floats of integers of up to 32 bits",
    "extrema": "max and min of floats, but for the sign of a zero and the kind of a NaN",
    "exact sums": "sums and averages of floats whose every partial sum is exact",
    "order": "medians, quantiles and modes, but for the sign of a zero and the kind of a NaN",
    "indices": "where values are found, and what is done with indices",
    "zeros": "the same of extrema and order with the signs of zeros, and indices among zeros of both signs",
    "draws": "stochastic pooling",
    "memory order": "in which the axes of the result of an array that is not dense lie in memory",
}
MAY_CHANGE_ONCE = {
    "float sums": "sums, averages and products that are rounded on the way, and what is made of them",
    "float reducers": "norms, generalised means, logsumexp, softmax, variances and expectations",
}
CLASSES = PROMISED | MAY_CHANGE_ONCE


class Stable(np.random.Generator):
    """Draws from words of its own: numpy's may change from version to version. Not exponential, but positive."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(0))
        self.seed, self.drawn = seed, 0

    def standard_exponential(self, size: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        begin, self.drawn = self.drawn, self.drawn + math.prod(np.atleast_1d(size))
        bits = words(self.seed, self.drawn)[begin:] >> np.uint64(11)
        return (bits.astype(np.float64) * 2.0**-51).reshape(size)


def drawn(x: Array, **arguments: Any) -> Any:
    return tp.stochastic_pool(x, rng=Stable(17), **arguments)


def unpooled(x: Array, threads: int, **arguments: Any) -> Array:
    pooled, indices = tp.max_pool(x, return_indices=True, threads=threads, **arguments)
    return tp.max_unpool(pooled, indices, **arguments)


def converted(x: Array, threads: int, axis: tuple[int, ...], **arguments: Any) -> Array:
    indices = tp.max_pool(x, return_indices=True, threads=threads, axis=axis, **arguments)[1]
    return tp.convert_indices(indices, x.shape, "plane", "array", axis=axis, column_major=x.shape[0] % 2 == 0)


CHAINS: dict[str, Callable[..., Any]] = {"drawn": drawn, "unpooled": unpooled, "converted": converted}


def made(array: Drawn, seed: int) -> Array:
    """The array, in its layout."""
    layout = dict(array.layout)
    repeated = layout.pop("repeated", ())
    shape = tuple(1 if axis in repeated else n for axis, n in enumerate(array.shape))
    dense = values(array.dtype, shape, array.profile, seed)
    x = lay_out(dense, **layout) if layout else dense
    return np.broadcast_to(x, array.shape) if repeated else x


def results(case: Case, x: Array, threads: int) -> tuple[Array, ...]:
    """The arrays that the call gives."""
    arguments = {
        name: made(word, case.seed + len(name)) if isinstance(word, Drawn) else word
        for name, word in case.arguments.items()
    }
    function = CHAINS.get(case.function) or getattr(tp, case.function)
    with np.errstate(all="ignore"):
        if case.into == "kept memory":
            return (function(x, **arguments, threads=threads, out=kept(function(x[:1], **arguments), len(x))),)
        result = function(x, **arguments, threads=threads)
        if case.into and case.function not in CHAINS and isinstance(result, np.ndarray) and result.ndim > 0:
            target = lay_out(np.zeros_like(result, order="C"), steps=[-1] * (result.ndim - 1) + [2], margin=1)
            assert function(x, **arguments, threads=threads, out=target) is target
            result = target
    return result if isinstance(result, tuple) else (result,)


def kept(first: Array, n: int) -> Array:
    """Memory for n results like the first one, the same for every case: that of large arrays is slow to get."""
    count = n * first.size
    return MEMORY[: count * first.itemsize].view(first.dtype).reshape(n, *first.shape[1:])


def class_of(case: Case) -> str:
    """That of the values."""
    op, x, arguments = case.op, case.x, case.arguments
    floating = x.dtype in FLOATS
    if case.function in CHAINS:
        return "draws" if case.function == "drawn" else "indices"
    if op in ("max", "min") or (arguments.get("norm_type") == math.inf and floating):
        return "extrema" if floating else "integers"
    if op in ("any", "all", "count_nonzero"):
        return "integers"
    if op in ("median", "quantile", "mode"):
        return "order"
    if op not in ("sum", "avg", "prod"):
        return "float sums" if op == "mixed" else "float reducers"
    return class_of_sum(op, x, arguments)


def class_of_sum(op: str, x: Drawn, arguments: dict[str, Any]) -> str:
    dtype, weights = arguments.get("dtype"), arguments.get("weights")
    inputs = [array for array in (x, weights) if array is not None]
    of_integers = all(array.dtype not in FLOATS for array in inputs)
    if op != "prod" and all(array.profile in ("ties", "holes") for array in inputs):
        return "integers" if of_integers else "exact sums"
    if op == "sum" and weights is None and dtype is not None and "int" in dtype:
        return "integers"  # x is converted first
    if not of_integers or (op == "avg" and weights is not None):
        return "float sums"
    if dtype is None and op == "avg":
        return "float sums" if x.dtype in ("int64", "uint64") else "integers"
    return "integers" if dtype is None or "int" in dtype else "float sums"


def classes_of(case: Case) -> tuple[str, ...]:
    """Of each digest of a case."""
    kind, special = class_of(case), case.x.dtype in FLOATS and case.x.profile in ("special", "nans", "wide")
    classes = [kind]
    if special and kind in ("extrema", "order"):
        classes.append("zeros")
    if "return_indices" in case.arguments and kind != "draws" and not (special and case.x.profile == "special"):
        classes.append("indices")
    if case.x.layout and not case.into:
        classes.append("memory order")
    return tuple(classes)


class Seen(NamedTuple):
    """Of a case: a digest of what is asked and of the numbers, and those of the result in the order of its classes."""

    asked: bytes
    given: tuple[bytes, ...]
    error: str = ""  # instead of digests


def look(case: Case, threads: int) -> Seen:
    x = made(case.x, case.seed)
    once = tuple(slice(1) if axis in case.x.layout.get("repeated", ()) else slice(None) for axis in range(x.ndim))
    asked = digest(np.frombuffer(repr(case).encode(), np.uint8), x[once])
    try:
        arrays = results(case, x, threads)
    except Exception as error:
        return Seen(asked, (), f"{type(error).__name__}: {error}")
    return Seen(asked, tuple(digest_of(name, case, arrays) for name in classes_of(case)))


def digest_of(name: str, case: Case, arrays: tuple[Array, ...]) -> bytes:
    if name == "memory order":
        return digest(*(np.array(order(array)) for array in arrays))
    if name == "zeros":
        return digest(*arrays[: 1 if "indices" in classes_of(case) else 2], alike=one_nan)
    if name == "indices" and len(arrays) > 1:
        return digest(arrays[1])
    alike = one_nan if name in MAY_CHANGE_ONCE else one_zero_and_nan
    return digest(*arrays[: 2 if name == "draws" else 1], alike=alike)


def one_nan(array: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(array != array, np.array(math.nan, array.dtype), array))


def one_zero_and_nan(array: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(array == 0, np.array(0, array.dtype), one_nan(array)))


def order(array: Array) -> list[int]:
    """The strides of the axes that have a place of their own."""
    return [stride for n, stride in zip(array.shape, array.strides, strict=True) if n > 1]


def digest(*arrays: Array, alike: Callable[[Array], Array] | None = None) -> bytes:
    """Of shape, dtype and bits, of floats after `alike` has made bits equal that need not differ."""
    hashed = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for array in arrays:
        hashed.update(f"{array.dtype.name}{array.shape}".encode())
        for part in array if array.nbytes > 1 << 20 else [array]:  # what is copied stays small
            bits = alike(part) if alike and array.dtype.name in FLOATS else part
            hashed.update(np.ascontiguousarray(bits).view(np.uint8).data if part.size else b"")
    return hashed.digest()


def digest_of_all(digests: Sequence[bytes]) -> bytes:
    return hashlib.blake2b(b"".join(digests), digest_size=DIGEST_BYTES).digest()
