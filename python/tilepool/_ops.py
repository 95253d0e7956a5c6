"""What is kept of a window: the table of operations, their arguments and rules. Nothing about windows or arrays.

A row names the core's operation and the arguments that are about it; `op` checks these and makes a frozen value.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from . import _arguments as arguments
from ._arguments import shown
from ._core import methods, roundings
from ._dtypes import NUMBERS, requested
from ._indices import CELL_BASES, Counting, index_base, index_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._types import Array, DType


class Division(NamedTuple):
    """By what an average divides, and how it becomes an integer."""

    count_include_pad: bool = True
    divisor: float = 0.0  # instead of the number of cells; 0: there is none
    rounding: str = roundings[0]
    quotients: DType | None = None  # averages of integers in integers: the floats that are divided, and then rounded


class Op(NamedTuple):
    """One of the core's operations."""

    name: str  # its row
    core: str
    parameters: tuple[float, float] = (0.0, 0.0)
    dtype: DType | None = None  # asked for
    division: Division = Division()
    counting: Counting | None = None  # of the indices that come with the values

    @property
    def row(self) -> Row:
        return ROWS[self.name]


class Stochastic(NamedTuple):
    """A cell is drawn by chance."""

    rng: np.random.Generator
    counting: Counting | None
    name: str = "stochastic"

    @property
    def row(self) -> Row:
        return ROWS[self.name]


class Mixed(NamedTuple):
    """A mixture of maximum and average."""

    alpha: Any  # a number, or an array that broadcasts to the result
    count_include_pad: bool
    name: str = "mixed"

    @property
    def row(self) -> Row:
        return ROWS[self.name]


AnyOp: TypeAlias = Op | Stochastic | Mixed


class Argument(NamedTuple):
    check: Callable[[str, Any], Any]
    default: Any


REQUIRED = object()
LOWEST, HIGHEST = object(), object()


class Row(NamedTuple):
    core: str
    own: dict[str, Argument] = {}  # noqa: RUF012 # its arguments, by name
    parameters: tuple[str, ...] = ()  # those of them that the core takes as numbers, in its order
    neutral: object = None  # stands for a cell that is left out and changes nothing; None: there is no such value
    weights: bool = False  # cells may have weights


def raw(_: str, value: Any) -> Any:
    return value


def real_dtype(_: str, value: object) -> DType | None:
    return None if value is None else requested(value, NUMBERS)


def rounding(name: str, value: object) -> str:
    return arguments.choice(name, value, roundings)


def method(name: str, value: object) -> float:
    """The core's number of what is taken between two cells."""
    return float(methods.index(arguments.choice(name, value, methods)))


def cell_base(name: str, value: object) -> str:
    return index_base(name, value, CELL_BASES)


FLAG = Argument(arguments.flag, False)
DTYPE = Argument(real_dtype, None)
PLACES = {
    "return_indices": FLAG,
    "index_dtype": Argument(index_dtype, "int64"),
    "index_base": Argument(index_base, "plane"),
}
COUNT_PAD = Argument(arguments.flag, True)
TEMPERATURE = Argument(arguments.finite_real, 1.0)
DDOF = {"ddof": Argument(arguments.degrees, 0)}
METHOD = Argument(method, "linear")

ROWS: dict[str, Row] = {
    "max": Row("max", PLACES, neutral=LOWEST),
    "min": Row("min", PLACES, neutral=HIGHEST),
    "avg": Row(
        "average",
        {
            "count_include_pad": COUNT_PAD,
            "divisor_override": Argument(arguments.divisor, None),
            "dtype": DTYPE,
            "rounding": Argument(rounding, roundings[0]),
        },
        neutral=0,
        weights=True,
    ),
    "sum": Row("sum", {"dtype": DTYPE}, neutral=0, weights=True),
    "lp": Row("norm", {"norm_type": Argument(arguments.positive_real, REQUIRED)}, ("norm_type",), 0),
    "gem": Row(
        "power_mean",
        {"p": Argument(arguments.positive_real, 3.0), "eps": Argument(arguments.finite_real, 1e-6)},
        ("p", "eps"),
    ),
    "logsumexp": Row(
        "log_sum_exp",
        {"temperature": TEMPERATURE, "normalize": FLAG},
        ("temperature", "normalize"),
    ),
    "softmax": Row("softmax", {"temperature": TEMPERATURE}, ("temperature",)),
    "var": Row("variance", DDOF, ("ddof",)),
    "std": Row("deviation", DDOF, ("ddof",)),
    "median": Row("quantile", {"method": METHOD}, ("method",)),
    "quantile": Row("quantile", {"q": Argument(arguments.quantile, REQUIRED), "method": METHOD}, ("q", "method")),
    "mode": Row("mode"),
    "prod": Row("product", {"dtype": DTYPE}, neutral=1),
    "any": Row("any", neutral=0),
    "all": Row("all", neutral=1),
    "count_nonzero": Row("count_nonzero", neutral=0),
    "stochastic": Row(
        "max",
        {
            "training": Argument(arguments.flag, True),
            "rng": Argument(raw, None),
            **PLACES,
            "index_base": Argument(cell_base, "plane"),
        },
        neutral=0,
    ),
    "mixed": Row("average", {"alpha": Argument(raw, 0.5), "count_include_pad": COUNT_PAD}, neutral=0),
}
ALIASES = {"mean": "avg", "average": "avg"}
# What poolings that take several steps are made of. An expectation is that of a stochastic pooling; present are cells
# that are not left out.
SUM, MAX, AVERAGE, EXPECTATION, COUNT, PRESENT = map(
    Op,
    ("sum", "max", "avg", "stochastic", "count_nonzero", "count_nonzero"),
    ("sum", "max", "average", "self_weighted", "count_nonzero", "present"),
)


def row_name(name: object) -> str:
    """A row of the table, by its name or another name of it."""
    if isinstance(name, str) and name in ALIASES:
        return ALIASES[name]
    return arguments.choice("op", name, tuple(ROWS))


def op(name: object, /, **given: object) -> AnyOp:
    """The operation of that name, with these arguments and the defaults of the others."""
    name = row_name(name)
    row = ROWS[name]
    for argument in given:
        if argument not in row.own:
            has = f"it has {', '.join(sorted(row.own))}" if row.own else "it has none of its own"
            raise TypeError(f"op {name!r} has no argument {argument!r} here: {has}")
    values = {}
    for argument, (check, default) in row.own.items():
        value = given.get(argument, default)
        if value is REQUIRED:
            raise TypeError(f"op {name!r} must have the argument {argument}")
        values[argument] = check(argument, value)
    counting = None
    if "return_indices" in values:
        counting = Counting(values["index_base"], values["index_dtype"])
        if not values["return_indices"]:
            refuse_idle("return_indices is False", given, {k: row.own[k] for k in ("index_base", "index_dtype")})
            counting = None
    if name == "stochastic":
        return stochastic(values, counting, given)
    if name == "mixed":
        return Mixed(values["alpha"], values["count_include_pad"])
    numbers = [0.5] if name == "median" else []
    numbers += [float(values[argument]) for argument in row.parameters]
    first, second = (*numbers, 0.0, 0.0)[:2]
    division = Division()
    if name == "avg":
        division = Division(values["count_include_pad"], values["divisor_override"], values["rounding"])
    return Op(name, row.core, (first, second), values.get("dtype"), division, counting)


def op_without_padding(name: object, /, **given: object) -> AnyOp:
    """The same for windows that have no padding, whose taps all count."""
    if "count_include_pad" in given:
        raise TypeError(f"op {name!r} has no argument 'count_include_pad' here: these windows have no padding")
    return op(name, **given)


def stochastic(values: dict[str, Any], counting: Counting | None, given: dict[str, object]) -> Op | Stochastic:
    if values["training"]:
        return Stochastic(arguments.generator("rng", values["rng"]), counting)
    if counting is not None:
        raise ValueError(f"return_indices must be False where training is False, not {shown(given['return_indices'])}")
    if values["rng"] is not None:
        raise ValueError(f"rng must be None where training is False, not {shown(values['rng'])}")
    return EXPECTATION


def refuse_idle(when: str, given: dict[str, object], owns: dict[str, Argument]) -> None:
    """Refuse arguments that would change nothing."""
    for argument, (check, default) in owns.items():
        if argument in given and check(argument, given[argument]) != default:
            raise ValueError(f"{argument} must be {default!r} where {when}, not {shown(given[argument])}")


def neutral(row: Row, dtype: DType) -> Array:
    """The value of that dtype which stands for a cell that is left out."""
    value: Any = row.neutral
    if value in (LOWEST, HIGHEST):
        limits: Any = (False, True) if dtype.kind == "b" else (-inf, inf)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype).min, np.iinfo(dtype).max
        value = limits[value is HIGHEST]
    return np.array(value).astype(dtype)
