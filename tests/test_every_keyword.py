"""Every keyword of the whole surface, alone and in pairs, on every function and op: right, or refused by name.

A call either gives what the definitions say (tests/meanings.py), or raises a TypeError or ValueError whose sentence
names a keyword that has no meaning there. Nothing in between: none is swallowed, and no other exception is raised.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool
from agreement import windows_of
from meanings import Keywords, Meaning, Refused, drawn_windows, indices_of, meaning

Array = NDArray[Any]

# ---- which keyword has a meaning where, from the documentation -------------------------------------------------------

EVERYWHERE = {"layout", "axis", "nan_policy", "min_count", "out", "threads"}
SLIDING = {"kernel_size", "stride", "padding", "dilation", "ceil_mode"}
DRAWN = {"kernel_size", "output_size", "output_ratio", "overlapping", "pseudorandom", "rng", "boundaries"}
OF_WINDOWS = {
    "pool": SLIDING,
    "adaptive_pool": {"output_size"},
    "global_pool": {"keepdims"},
    "pyramid_pool": {"grids"},
    "fractional": DRAWN | {"return_boundaries"},
}
INDEXED = {"return_indices", "index_dtype", "index_base", "mask"}
OF_OP = {
    "max": INDEXED,
    "min": INDEXED,
    "avg": {"count_include_pad", "divisor_override", "dtype", "rounding", "mask", "weights"},
    "sum": {"dtype", "mask", "weights"},
    "lp": {"norm_type", "mask"},
    "gem": {"p", "eps", "mask"},
    "logsumexp": {"temperature", "normalize", "mask"},
    "softmax": {"temperature", "mask"},
    "var": {"ddof", "mask"},
    "std": {"ddof", "mask"},
    "median": {"method", "mask"},
    "quantile": {"q", "method", "mask"},
    "mode": {"mask"},
    "prod": {"dtype", "mask"},
    "any": {"mask"},
    "all": {"mask"},
    "count_nonzero": {"mask"},
    "stochastic": {"training", "rng", *INDEXED},
    "mixed": {"alpha", "count_include_pad", "mask"},
}
PADDED = {"count_include_pad"}  # has a meaning only where windows have padding
NOT_NAMED = {"divisor_override"}  # adaptive and fractional averages are divided by the cells they see

REQUIRED: dict[str, Keywords] = {"lp": {"norm_type": 2}, "quantile": {"q": 0.25}, "stochastic": {"rng": 7}}
WINDOWS: dict[str, Keywords] = {
    "pool": {"kernel_size": 2},
    "adaptive_pool": {"output_size": 3},
    "global_pool": {},
    "pyramid_pool": {"grids": (1, 2)},
    "fractional": {"output_size": 2, "rng": 7},
}

SHAPE = (2, 3, 5, 6)
NANS = [(0, 0, 1, 2), (0, 2, 3, 3), (1, 1, 0, 0)]
CELLS = np.random.default_rng(5).random(SHAPE) < 0.8
CELLS[0, 1, :2] = CELLS[1, 2] = False  # windows without a cell
PLANE = CELLS[0, 0].copy()
for place in NANS:
    CELLS[place] = False
PLANE[1, 2] = True
HEAVY = np.array([3, 1, 0, 2, 5, 1], np.uint8)

VALUES: dict[str, list[Any]] = {
    "kernel_size": [(2, 3), 3],
    "stride": [1, (2, 1)],
    "padding": [1, ((1, 0), (0, 1)), "same"],
    "dilation": [2, (1, 2)],
    "ceil_mode": [True, "full"],
    "output_size": [2, (2, 4)],
    "grids": [(1, 2, (2, 3)), [2]],
    "output_ratio": [0.5, (0.4, 0.9)],
    "overlapping": [True],
    "pseudorandom": [False],
    "boundaries": [([0, 2, 3, 5], [0, 1, 4, 6]), ([1, 3], [0, 2])],
    "return_boundaries": [True],
    "keepdims": [False, True],
    "layout": ["channels_last", "channels_first"],
    "axis": [(3, 2), -1, (0, 2)],
    "nan_policy": ["omit", "propagate", "raise"],
    "min_count": [2, 6],
    "mask": [CELLS, PLANE],
    "weights": [HEAVY, np.array([[[0.5]], [[-1]], [[2]]])],
    "out": ["same", "other", "pair"],
    "threads": [2],
    "return_indices": [True, False],
    "index_dtype": ["int32", "uint8"],
    "index_base": ["array", "batch", "window"],
    "count_include_pad": [False, True],
    "divisor_override": [3, -2],
    "dtype": ["float64", "int32", "float16"],
    "rounding": ["floor", "half_up"],
    "norm_type": [1, np.inf, 3],
    "p": [1, 2.5],
    "eps": [0.5],
    "temperature": [0.5, 4],
    "normalize": [True],
    "ddof": [1, 3],
    "q": [0.75, 1],
    "method": ["lower", "midpoint"],
    "training": [False, True],
    "rng": [1, 2],
    "alpha": [0.25, np.array([[[0.25]], [[0.0]], [[1.0]]])],
}


@dataclass(frozen=True)
class Case:
    """A function, what it keeps of its windows, and the arguments that no call of it can do without."""

    function: str
    windows: str
    op: str
    by_name: bool  # the op is an argument
    fixed: Keywords = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join(
            (self.function, *([self.op] if self.by_name else []), *map("{0[0]}={0[1]}".format, self.fixed.items()))
        )

    def has(self, keyword: str) -> bool:
        """Whether it has a meaning here."""
        if keyword in PADDED and self.windows != "pool":
            return False
        if keyword in NOT_NAMED and not self.by_name and self.windows != "pool":
            return False
        return keyword in EVERYWHERE | OF_WINDOWS[self.windows] | OF_OP[self.op]

    def call(self, x: Array, keywords: Keywords) -> Any:
        return getattr(tilepool, self.function)(x, **({"op": self.op} if self.by_name else {}), **keywords)

    def complete(self, given: Keywords) -> Keywords:
        """With the arguments that a call can't do without, where the given ones leave room for them."""
        base = {**WINDOWS[self.windows], **self.fixed, **REQUIRED.get(self.op, {})}
        if self.windows == "fractional" and {"boundaries", "output_ratio"} & given.keys():
            del base["output_size"]
        if "boundaries" in given or given.get("training") is False:
            base.pop("rng", None)
        return base | given


CASES = [
    *(Case(f"{op}_pool", "pool", op, False) for op in OF_OP if op not in ("prod", "any", "all", "count_nonzero")),
    *(Case(f"adaptive_{op}_pool", "adaptive_pool", op, False) for op in ("max", "min", "avg", "sum")),
    *(Case(f"fractional_{op}_pool", "fractional", op, False) for op in ("max", "avg")),
    *(Case(kind, kind, op, True) for kind in OF_WINDOWS if kind != "fractional" for op in OF_OP),
    *(Case("global_pool", "global_pool", op, True, {"keepdims": False}) for op in OF_OP),
]


def numbers(dtype: str, nans: bool) -> Array:
    """Quarters, or small integers, with many ties."""
    x = np.random.default_rng(3).integers(0 if dtype == "uint8" else -12, 12, SHAPE)
    if dtype == "uint8":
        return x.astype(dtype)
    floats = (x / 4).astype(dtype)
    for place in NANS if nans else ():
        floats[place] = np.nan
    return floats


# ---- what a call is to give ------------------------------------------------------------------------------------------


def axes_of(keywords: Keywords) -> tuple[int, ...]:
    axis = keywords.get("axis")
    if axis is None:
        return (1, 2) if keywords.get("layout") == "channels_last" else (2, 3)
    return tuple(number % len(SHAPE) for number in (axis if isinstance(axis, tuple) else (axis,)))


def refuse_lengths(keywords: Keywords, count: int) -> None:
    """One number, or sequence, for each pooled axis."""
    for name in ("kernel_size", "stride", "padding", "dilation", "output_size", "output_ratio", "boundaries"):
        value = keywords.get(name)
        if isinstance(value, tuple | list) and len(value) != count:
            raise Refused(name)
    if any(isinstance(grid, tuple) and len(grid) != count for grid in keywords.get("grids", ())):
        raise Refused("grids")


def pieces(case: Case, keywords: Keywords) -> Iterator[tuple[list[list[reference.Window]], Any, Any]]:
    """Windows along the pooled axes, the numbers of their taps where all have as many, and boundaries."""
    axes = axes_of(keywords)
    sizes = [SHAPE[axis] for axis in axes]
    if case.windows == "fractional":
        windows, boundaries = drawn_windows(keywords, sizes)
        yield windows, None, boundaries
        return
    if case.windows == "global_pool":
        yield [reference.sliding(n, n) for n in sizes], sizes, None
        return
    if case.windows != "pool":
        for grid in keywords["grids"] if case.windows == "pyramid_pool" else [keywords["output_size"]]:
            yield windows_of(np.empty(SHAPE), axes, {"output_size": grid}), None, None
        return

    def each(name: str, default: Any) -> Any:
        value = keywords.get(name, default)
        return value if isinstance(value, tuple) else (value,) * len(axes)

    kernels, dilations, pads = each("kernel_size", None), each("dilation", 1), each("padding", 0)
    for n, k, d, pad in zip(sizes, kernels, dilations, pads, strict=True):
        extent = d * (k - 1) + 1
        if not isinstance(pad, str):
            before, after = pad if isinstance(pad, tuple) else (pad, pad)
            if max(before, after) >= extent:
                raise Refused("padding")
            stride = each("stride", k)[0]
            if not reference.sliding(n, k, stride, (before, after), d, keywords.get("ceil_mode", False)):
                raise Refused("kernel_size")
    yield windows_of(np.empty(SHAPE), axes, keywords), kernels, None


def expected(case: Case, x: Array, keywords: Keywords) -> tuple[Meaning, Array | None, Any]:
    """The meaning of a call, its indices and its boundaries; the axes of the result are those of x."""
    axes = axes_of(keywords)
    refuse_idle(case, keywords)
    refuse_lengths(keywords, len(axes))
    parts, indices, points = [], [], None
    if case.op == "stochastic" and "rng" in keywords:
        keywords = keywords | {"rng": np.random.default_rng(keywords["rng"])}  # grids draw one after the other
    for windows, taps, boundaries in pieces(case, keywords):
        points = boundaries
        found = meaning(case.op, x, axes, windows, keywords)
        parts.append(found)
        if keywords.get("return_indices"):
            assert found.places is not None
            indices.append(indices_of(found.places, SHAPE, axes, windows, taps, keywords))
    values, bound = (
        in_shape(case, arrays, axes, keywords)
        for arrays in ([part.values for part in parts], [part.bound for part in parts])
    )
    found = Meaning(values, parts[0].dtype, bound)
    return found, in_shape(case, indices, axes, keywords) if indices else None, points


def refuse_idle(case: Case, keywords: Keywords) -> None:
    """Keywords that would change nothing beside the others."""
    idle = [
        name
        for name, default in (("index_dtype", "int64"), ("index_base", "plane"))
        if keywords.get(name, default) != default
    ]
    if idle and not keywords.get("return_indices"):
        raise Refused(*idle)
    if keywords.get("training") is False and {"rng"} & keywords.keys():
        raise Refused("rng")
    if keywords.get("training") is False and keywords.get("return_indices"):
        raise Refused("return_indices")
    if case.op == "stochastic" and keywords.get("index_base") == "window":
        raise Refused("index_base")
    if keywords.get("out") == "pair" and not keywords.get("return_indices"):
        raise Refused("out")


def in_shape(case: Case, arrays: list[Array], axes: tuple[int, ...], keywords: Keywords) -> Array:
    """In the axes of the result."""
    if case.windows == "pyramid_pool":
        first, count = min(axes), len(axes)
        moved = [np.moveaxis(array, axes, range(first, first + count)) for array in arrays]
        return np.concatenate([m.reshape(*m.shape[:first], -1, *m.shape[first + count :]) for m in moved], first)
    return np.squeeze(arrays[0], axes) if keywords.get("keepdims") is False else arrays[0]


# ---- what a call gives -----------------------------------------------------------------------------------------------


def fault(case: Case, dtype: str, given: Keywords) -> str | None:
    """What is wrong with a call."""
    open_case = case.op in ("sum", "prod") and given.get("dtype") == "int32"  # which integer a NaN becomes
    nans = "nan_policy" in given and not open_case
    x, keywords = numbers(dtype, nans), case.complete(given)
    strangers = [name for name in given if not case.has(name)]
    try:
        found: Any = None if strangers else expected(case, x, keywords)
        culprits: Sequence[str] = strangers
    except Refused as refusal:
        culprits = refusal.args
    out: Any = keywords.pop("out", None)
    if out is not None:
        out = keywords["out"] = outs(out, None if culprits else found)
    try:
        actual = case.call(x, keywords)
    except (TypeError, ValueError) as error:
        if not culprits:
            return f"refused: {error}"
        return (
            None
            if names(str(error), culprits) or names(str(error), other_faults(case, x, given))
            else (f"refused without naming {' or '.join(culprits)}: {type(error).__name__}: {error}")
        )
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"not refused for {' or '.join(culprits)}" if culprits else difference(actual, found, out, keywords)


def names(sentence: str, keywords: Iterable[str]) -> bool:
    return any(re.search(rf"\b{keyword}\b", sentence) for keyword in keywords)


def other_faults(case: Case, x: Array, given: Keywords) -> Iterator[str]:
    """Of several keywords that are wrong the sentence may name any; nobody knows the shape that `out` should have."""
    yield from {"out"} & given.keys()
    for name, value in given.items():
        try:
            if not case.has(name):
                yield name
            else:
                expected(case, x, case.complete({name: value}))
        except Refused as refusal:
            yield from refusal.args


def outs(kind: str, found: Any) -> Any:
    """Arrays to write to, poisoned: of the result's dtype, or of a wider one with gaps, or a pair."""
    if found is None:
        return (np.empty(1), np.empty(1)) if kind == "pair" else np.empty(1)
    values, indices, _ = found
    if kind == "pair":
        return np.full(values.values.shape, 77, values.dtype), np.full(indices.shape, 77, indices.dtype)
    if kind == "same":
        return np.full(values.values.shape, 77).astype(values.dtype)
    wider = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.int64}[values.dtype.kind]
    return np.full((*values.values.shape, 2), 77, wider)[..., 0]


def difference(actual: Any, found: tuple[Meaning, Array | None, Any], out: Any, keywords: Keywords) -> str | None:
    meant, indices, boundaries = found
    parts = list(actual) if isinstance(actual, tuple) else [actual]
    if keywords.get("return_boundaries"):
        drawn = parts.pop()
        if [part.tolist() for part in drawn] != [list(part) for part in boundaries]:
            return f"boundaries {drawn}, expected {boundaries}"
    targets = out if isinstance(out, tuple) else (out,)
    if any(target is not None and target is not part for target, part in zip(targets, parts, strict=False)):
        return "out is not returned"
    if len(parts) != (1 if indices is None else 2):
        return f"{len(parts)} arrays"
    if indices is not None and not (np.array_equal(parts[1], indices) and parts[1].dtype == indices.dtype):
        return f"indices {parts[1].dtype} {parts[1].tolist()}, expected {indices.dtype} {indices.tolist()}"
    values, dtype = parts[0], targets[0].dtype if targets[0] is not None else meant.dtype
    if (values.dtype, values.shape) != (dtype, meant.values.shape):
        return f"{values.dtype} {values.shape}, expected {dtype} {meant.values.shape}"
    with np.errstate(invalid="ignore"):
        far = np.abs(values.astype(np.longdouble) - meant.values) > meant.bound
        equal = (values == meant.values) | (np.isnan(values) & np.isnan(meant.values))
    wrong = ~equal & (far | ~np.isfinite(values) | ~np.isfinite(meant.values))
    first = tuple(np.argwhere(wrong)[0]) if wrong.any() else None
    return None if first is None else f"{values[first]} at {tuple(map(int, first))}, expected {meant.values[first]}"


def singles() -> Iterator[Keywords]:
    """Each value of each keyword."""
    return ({name: value} for name, values in VALUES.items() for value in values)


def pairs(turn: int | None = None) -> Iterator[Keywords]:
    """Every pair of keywords and of their values; with a turn the first values of one pair in four."""
    for number, (one, other) in enumerate(itertools.combinations(VALUES, 2)):
        if turn is None:
            yield from ({one: a, other: b} for a, b in itertools.product(VALUES[one], VALUES[other]))
        elif number % 4 == turn % 4:
            yield {one: VALUES[one][0], other: VALUES[other][0]}


DTYPES = ("float32", "uint8", "float64")


def check(case: Case, dtype: str, settings: Iterable[Keywords]) -> None:
    failures = []
    for given in settings:
        wrong = fault(case, dtype, given)
        if wrong is not None:
            words = "".join(f", {name}={value!r}" for name, value in case.complete(given).items())
            failures.append(f"tp.{case.function}(x{f', op={case.op!r}' * case.by_name}{words}) of {dtype}: {wrong}")
    assert not failures, f"{len(failures)} calls\n" + "\n".join(failures)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alone_and_in_some_pairs(case: Case) -> None:
    """Every pair is some function's turn."""
    number = CASES.index(case)
    check(case, DTYPES[number % 3], itertools.chain(singles(), pairs(turn=number)))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pairs_of_every_value(case: Case) -> None:
    """Of another dtype."""
    check(case, DTYPES[(CASES.index(case) + 1) % 3], pairs())
