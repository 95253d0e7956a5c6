"""Calls of gradients in which every two values of two options meet: rows of a table of options for each function."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
import tilepool
from gradient_meanings import Arguments, axes_of, shape_of, windows_in
from layouts import LAYOUTS
from meanings import Refused, cells_that_count, indices_of

Array = NDArray[Any]
Options = dict[str, Any]

FLOATS = ("float32", "float64", "float16", "bfloat16")

# Shapes of which the last axis holds more than a vector of any instruction set, or less, and the axes that are pooled.
PLACES: list[tuple[tuple[int, ...], Arguments]] = [
    ((2, 2, 7, 9), {}),
    ((97,), {"axis": 0}),
    ((7, 70), {"axis": (0, 1)}),
    ((9, 8), {"axis": (1, 0)}),
    ((2, 3, 41), {"layout": "channels_first"}),
    ((2, 12, 7), {"layout": "channels_last"}),
    ((1, 7, 9, 3), {"layout": "channels_last"}),
    ((1, 7, 8, 17), {"axis": (-3, -2)}),
    ((8, 5, 9), {"axis": (2, 0)}),
    ((7, 3, 19), {"axis": 0}),
    ((7, 7, 2, 9), {"axis": (3, 0, 1)}),
]
OF_ANY_WINDOWS: dict[str, Sequence[Any]] = {
    "place": PLACES,
    "g dtype": FLOATS,
    "x dtype": ("as g", *FLOATS[:2], "int8", "uint16", "int64", "bool"),
    "g": ("whole", "real", "infinite"),
    "g layout": ("C order", "Fortran order", "stepped", "reversed", "unaligned", "byte-swapped", "broadcast"),
    "x layout": tuple(name for name in LAYOUTS if not name.endswith("outer axes")),
    "missing": (None, "mask", "mask of a line", "omit", "omit and mask", "raise", "NaN"),
    "min_count": (None, 0, 2, 4),
    "out": (None, "new", "stepped", "Fortran order", "byte-swapped", "wider", "narrower", "over g", "over x"),
    "threads": (None, 1, 2, 5),
}
SLIDING: dict[str, Sequence[Any]] = {
    "function": ("own", "pool"),
    "kernel": ((2, None), (3, 1), (3, 2), (2, 3), (4, 2), (4, 3), (1, 1), (1, 2), (5, 5), (5, 1), "uneven", "all"),
    "dilation": (1, 2, "uneven"),
    "padding": (0, "half", "most", "pairs", "same", "same_lower", "valid"),
    "ceil_mode": (False, True, "full"),
}
OF_WINDOWS: dict[str, dict[str, Sequence[Any]]] = {
    "sliding": SLIDING,
    "adaptive": {"function": ("own", "adaptive_pool"), "output_size": (1, 2, 3, 5, "more", None)},
    "global": {"keepdims": (True, False)},
    "pyramid": {"grids": ((1, 2), (3,), (2, "uneven", 1), (5, 4))},
    "fractional": {"fractional": ("between", "overlapping", "kernels", "one each", "gaps")},
}
INDICES = {"plane": ("int64", "int32", "uint8"), "batch": ("int64",), "array": ("int32",), "window": ("uint8", "int64")}
OF_OP: dict[str, dict[str, Sequence[Any]]] = {
    "max": {"indices": (None, *((base, dtype) for base, dtypes in INDICES.items() for dtype in dtypes))},
    "sum": {"weights": (None, "whole", "of a channel", "real"), "wrt": ("x", "weights"), "shape": (False, True)},
    "avg": {"weights": (None, "whole", "of a channel", "real"), "wrt": ("x", "weights"), "shape": (False, True)},
    "lp": {"norm_type": (2, 1, 3, 1.5, 0.5, 7.25, math.inf)},
}
OF_OP["min"] = OF_OP["max"]
OF_SLIDING_AVERAGES: dict[str, Sequence[Any]] = {"count_include_pad": (True, False), "divisor": (None, 3, -2, 4)}
ONE_OF_EACH = {"broadcast": "C order", "overlapping": "Fortran order"}
OPS = ("max", "min", "sum", "avg", "lp")
WORDS: dict[str, Options] = {op: {"norm_type": 2} if op == "lp" else {} for op in OPS}  # that an op needs
# Of each op, the kinds of windows that it has gradients for.
KINDS = [(op, kind) for op in OPS for kind in OF_WINDOWS if kind != "fractional" or op in ("max", "avg")]


@dataclass(frozen=True)
class Call:
    """Of the gradient of a function; `arguments` say all that its meaning depends on, `beside` the rest."""

    function: str
    op: str
    g: Array
    x: Array
    arguments: Arguments
    beside: Arguments = field(default_factory=dict)
    shape_only: bool = False
    note: str = ""

    def words(self) -> Arguments:
        named = self.function in ("pool", "adaptive_pool", "global_pool", "pyramid_pool")
        return ({"op": self.op} if named else {}) | self.arguments

    def forward(self, x: Array, **changed: Any) -> Array:
        words = self.words() | changed
        words.pop("wrt", None)
        return np.asarray(getattr(tilepool, self.function)(x, **words))

    def backward(self, **more: Any) -> Array:
        function: Any = getattr(vars(tilepool)["grad"], self.function)
        x = self.x.shape if self.shape_only else self.x
        result: Array = function(self.g, x, **self.words(), **{**self.beside, **more})
        return result

    def __str__(self) -> str:
        """Without the numbers, which the row in `note` gives again."""

        def brief(value: Any) -> str:
            return f"<{value.dtype.str} {value.shape}>" if isinstance(value, np.ndarray) else repr(value)

        words = "".join(f", {name}={brief(value)}" for name, value in {**self.words(), **self.beside}.items())
        g, x = (f"{a.dtype.name} {a.shape} strides {a.strides}" for a in (self.g, self.x))
        return f"{self.note}: tp.grad.{self.function}(g, x{'.shape' * self.shape_only}{words}) with g {g}, x {x}"


def rows_of_pairs(table: dict[str, Sequence[Any]], seed: int) -> Iterator[Options]:
    """Rows of a table of options in which each two values of two options meet at least once: greedy."""
    rng = np.random.default_rng(seed)
    names = list(table)
    counts = [len(table[name]) for name in names]
    left = {
        pair: np.ones((counts[pair[0]], counts[pair[1]]), bool) for pair in itertools.permutations(range(len(names)), 2)
    }
    while any(unmet.any() for unmet in left.values()):
        first = max(left, key=lambda pair: int(left[pair].sum()))
        row = dict(zip(first, (int(n) for n in np.argwhere(left[first])[0]), strict=True))
        for option in rng.permutation([n for n in range(len(names)) if n not in row]).tolist():
            gain = sum(left[option, other][:, value].astype(int) for other, value in row.items())
            best = np.flatnonzero(gain == np.max(gain))
            row[option] = int(rng.choice(best))
        for a, b in itertools.permutations(row, 2):
            left[a, b][row[a], row[b]] = False
        yield {names[option]: table[names[option]][value] for option, value in row.items()}


def rows_of(op: str, kind: str) -> Iterator[Options]:
    table = OF_ANY_WINDOWS | OF_WINDOWS[kind] | OF_OP[op]
    if kind == "sliding" and op == "avg":
        table = table | OF_SLIDING_AVERAGES
    return rows_of_pairs(table, seed=KINDS.index((op, kind)))


def windows_of_row(row: Options, kind: str, shape: Sequence[int], axes: Sequence[int]) -> Arguments:
    """The arguments that a row means for an array."""
    count, sizes = len(axes), [shape[axis] for axis in axes]
    if kind == "global":
        return {} if row["keepdims"] else {"keepdims": False}
    if kind == "pyramid":
        return {"grids": [tuple(range(1, count + 1)) if grid == "uneven" else grid for grid in row["grids"]]}
    if kind == "adaptive":
        size = row["output_size"]
        return {
            "output_size": tuple(n + 1 for n in sizes)
            if size == "more"
            else (None, 2, 3)[:count]
            if size is None
            else size
        }
    if kind == "fractional":
        style = row["fractional"]
        if style in ("kernels", "gaps"):
            kernel, step = (3, 2) if style == "kernels" else (1, 3)
            return {
                "kernel_size": kernel,
                "boundaries": tuple([*range(0, n - kernel, step), n - kernel] for n in sizes),
            }
        step = 1 if style == "one each" else 3
        words = {"boundaries": tuple([0, *range(step - 1, n - 1, step), n][(step == 1) :] for n in sizes)}
        return words | ({"overlapping": True} if style == "overlapping" else {})
    return sliding_of_row(row, sizes)


def sliding_of_row(row: Options, sizes: Sequence[int]) -> Arguments:
    count = len(sizes)
    kernel, stride = row["kernel"] if isinstance(row["kernel"], tuple) else (None, None)
    kernels: Any = {"uneven": (2, 3, 1)[:count], "all": tuple(sizes)}.get(str(row["kernel"]), kernel)
    words: Arguments = {"kernel_size": kernels, "ceil_mode": row["ceil_mode"]}
    words["stride"] = (1, 2, 3)[:count] if row["kernel"] == "uneven" else stride
    dilations = (1, 3, 2)[:count] if row["dilation"] == "uneven" else (row["dilation"],) * count
    each = kernels if isinstance(kernels, tuple) else (kernels,) * count
    extents = [d * (k - 1) + 1 for d, k in zip(dilations, each, strict=True)]
    if all(extent <= n for extent, n in zip(extents, sizes, strict=True)):
        words["dilation"] = dilations
    else:
        extents = list(each)
    padding = row["padding"]
    words["padding"] = {
        "half": tuple(extent // 2 for extent in extents),
        "most": tuple(extent - 1 for extent in extents),
        "pairs": tuple((extent // 3, extent // 2) for extent in extents),
    }.get(padding, padding)
    return words


def call_of_row(op: str, kind: str, number: int, row: Options) -> Call:
    """What a row asks that has no meaning there is left away, and what has none that is promised: what infinities in g
    give to an average's weights or to cells below the largest, and to which of equal magnitudes a norm without end
    gives its g.
    """
    if op == "lp" and math.isinf(row["norm_type"]):
        row = row | {
            "g": row["g"].replace("infinite", "real"),
            "x layout": ONE_OF_EACH.get(row["x layout"], row["x layout"]),
        }
    if op == "avg" and row["weights"] is not None and row["wrt"] == "weights":
        row = row | {"g": row["g"].replace("infinite", "real")}
    rng = np.random.default_rng(number)
    shape, arguments = row["place"]
    axes = axes_of(len(shape), arguments)
    arguments = {**arguments, **windows_of_row(row, kind, shape, axes)}
    own = {"sliding": f"{op}_pool", "adaptive": f"adaptive_{op}_pool", "fractional": f"fractional_{op}_pool"}
    function = own.get(kind, f"{kind}_pool")
    if row.get("function", "own") != "own" or (op == "lp" and kind == "adaptive"):
        function = row["function"] if row["function"] != "own" else "adaptive_pool"

    x = x_of_row(op, row, shape, rng)
    if reference.is_float(x.dtype):
        omit = row["missing"] in ("omit", "omit and mask")
        if omit or (row["missing"] == "NaN" and op != "lp"):  # what the norm of a NaN passes on is not told
            x[rng.random(shape) < 0.2] = np.nan
        if row["missing"] in ("omit", "omit and mask", "raise"):
            arguments["nan_policy"] = "omit" if omit else "raise"
    x = LAYOUTS[row["x layout"]](x)
    if row["missing"] in ("mask", "omit and mask"):
        arguments["mask"] = rng.random(shape) < 0.7
    elif row["missing"] == "mask of a line":
        arguments["mask"] = rng.random(shape[-1]) < 0.6
    if row["min_count"] is not None:
        arguments["min_count"] = row["min_count"]

    arguments |= own_arguments(op, row, shape, axes, rng)
    g = g_of_row(row, shape_of(shape, arguments), rng)
    beside: Arguments = {} if row["threads"] is None else {"threads": row["threads"]}
    if row.get("indices") is not None:
        beside |= indices_of_row(op, x, g, arguments, row)
    shape_only = bool(row.get("shape")) and "nan_policy" not in arguments and arguments.get("wrt") != "weights"
    return Call(function, op, g, x, arguments, beside, shape_only, f"{op}-{kind}, row {number}")


def x_of_row(op: str, row: Options, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Quarters with many ties. Norms have none where all of the gradient goes to the largest, and no zeros where it
    would have no bound.
    """
    dtype = np.dtype(row["g dtype"] if row["x dtype"] == "as g" else row["x dtype"])
    if op != "lp" or (row["norm_type"] >= 1 and not math.isinf(row["norm_type"])):
        x = rng.integers(-9, 10, shape)
        return (
            x % 2 == 0
            if dtype.kind == "b"
            else (np.abs(x) if dtype.kind == "u" else x / 4 if reference.is_float(dtype) else x).astype(dtype)
        )
    if dtype.kind not in "iub" and dtype.itemsize > 2:
        return (
            np.asarray((rng.permutation(math.prod(shape)) + 1.0) * rng.choice([-1, 1], math.prod(shape)))
            .reshape(shape)
            .astype(dtype)
        )
    return x_of_row(op, row | {"x dtype": "float32"}, shape, rng)


def own_arguments(
    op: str, row: Options, shape: Sequence[int], axes: Sequence[int], rng: np.random.Generator
) -> Arguments:
    """Of averages and norms."""
    if op == "lp":
        return {"norm_type": row["norm_type"]}
    arguments: Arguments = {}
    if row.get("count_include_pad") is False:
        arguments["count_include_pad"] = False
    if row.get("divisor") is not None:
        arguments["divisor_override"] = row["divisor"]
    if row.get("weights") is not None:
        # Weights that never add up to 0, not even beside those of the padding: their derivatives have no bound there.
        line = [1 if axis in axes else n for axis, n in enumerate(shape)]
        arguments["weights"] = {
            "whole": rng.integers(1, 6, shape[-1:]).astype(np.uint8),
            "of a channel": rng.choice([0.5, -70.25, 2.0], line),
            "real": rng.random(shape) + 0.5,
        }[row["weights"]]
        if row["wrt"] == "weights":
            arguments["wrt"] = "weights"
    return arguments


def g_of_row(row: Options, shape: Sequence[int], rng: np.random.Generator) -> Array:
    dtype = np.dtype(row["g dtype"])
    g = rng.integers(-4, 5, shape).astype(dtype) if row["g"] != "real" else rng.normal(size=shape).astype(dtype)
    if row["g"] == "infinite":
        g = np.where(rng.random(shape) < 0.1, rng.choice([np.inf, -np.inf, np.nan, -0.0], shape).astype(dtype), g)
    return LAYOUTS[row["g layout"]](g) if g.ndim else g


def indices_of_row(op: str, x: Array, g: Array, arguments: Arguments, row: Options) -> Arguments:
    """What the pooling would return, as the oracle finds it; nothing where it can't be counted that way."""
    base, dtype = row["indices"]
    axes, valid = axes_of(x.ndim, arguments), cells_that_count(x, arguments)
    sizes: Any = [x.shape[axis] for axis in axes]
    if {"output_size", "boundaries", "grids"} & arguments.keys():
        sizes = None  # windows of different sizes
    elif "kernel_size" in arguments:
        kernel = arguments["kernel_size"]
        sizes = kernel if isinstance(kernel, tuple) else (kernel,) * len(axes)
    found = []
    for windows in windows_in(x.shape, arguments):
        places = reference.place_without(op, x, axes, windows, valid)
        cells = reference.without(x, axes, windows, valid, lambda cells, _: len(cells), int)
        places = np.where(cells < arguments.get("min_count", 0), -1, places)
        try:
            found.append(indices_of(places, x.shape, axes, windows, sizes, {"index_base": base, "index_dtype": dtype}))
        except Refused:
            return {}
    indices = joined(found, axes) if "grids" in arguments else found[0].reshape(g.shape)
    if row["g layout"] != "broadcast" and g.ndim:
        indices = LAYOUTS[row["g layout"]](indices)
    return {"indices": indices, "index_base": base}


def joined(grids: list[Array], axes: Sequence[int]) -> Array:
    """The results of the grids of a pyramid along the first of the pooled axes, one after the other."""
    first, count = min(axes), len(axes)
    moved = [np.moveaxis(grid, axes, range(first, first + count)) for grid in grids]
    return np.concatenate([m.reshape(*m.shape[:first], -1, *m.shape[first + count :]) for m in moved], first)


def out_of_row(kind: str, call: Call, shape: Sequence[int]) -> tuple[Call, Array | None]:
    """A place for the result, and the call that reads what it overlaps."""
    dtype = reference.native(call.g.dtype)
    poison = np.full(shape, 77).astype(dtype)
    if kind in ("new", "stepped", "Fortran order", "byte-swapped"):
        return call, poison if kind == "new" else LAYOUTS[kind](poison)
    if kind == "wider":
        return call, poison.astype(np.float64)
    if kind == "narrower" and dtype.name in ("float32", "float64"):
        return call, poison.astype({"float32": np.float16, "float64": np.float32}[dtype.name])
    if kind in ("over g", "over x"):
        read = call.g if kind == "over g" else call.x
        memory = np.zeros(max(read.nbytes, poison.nbytes) + 2 * dtype.itemsize, np.uint8)
        inside = np.ndarray(read.shape, reference.native(read.dtype), memory, 0)
        inside[...] = read
        out = np.ndarray(shape, dtype, memory, dtype.itemsize)
        changed = {"g": inside} if kind == "over g" else {"x": inside}
        return Call(**{**vars(call), **changed}), out
    return call, None


def calls(op: str, kind: str, first: int | None = None, **changed: Any) -> Iterator[tuple[Call, Options]]:
    """And the rows that they are made of, of which some options may be the same everywhere. The first rows have most of
    the pairs.
    """
    for number, row in enumerate(itertools.islice(rows_of(op, kind), first)):
        call = call_of_row(op, kind, number, row | changed)
        if all(along for windows in windows_in(call.x.shape, call.arguments) for along in windows):
            yield call, row | changed
