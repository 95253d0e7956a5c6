"""What the windows of the cases keep: ops with their dtypes and options."""

import math
from dataclasses import dataclass, field
from typing import Any

from golden.values import DTYPES, FLOATS, INTEGERS, Draw

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """What a window keeps: an op of `tilepool.pool`, and options without which it is another one."""

    op: str
    dtype: str
    options: Arguments = field(default_factory=dict)


ROUNDINGS = ("half_even", "half_up", "floor", "trunc")
METHODS = ("linear", "lower", "higher", "nearest", "midpoint")

EXTREMA = [Kept(op, dtype) for dtype in DTYPES for op in ("max", "min")]
SUMS = [Kept(op, dtype) for dtype in DTYPES for op in ("sum", "avg")]
WHOLE_AVERAGES = [
    Kept("avg", dtype, {"dtype": "uint8" if dtype == "bool" else dtype, "rounding": ROUNDINGS[i % 4]})
    for i, dtype in enumerate(("bool", *INTEGERS))
]
PRODUCTS = [Kept("prod", dtype) for dtype in ("float16", "bfloat16", "float32", "float64", "int8", "int64", "uint64")]
FAST_NORMS = [Kept("lp", dtype, {"norm_type": p}) for dtype in FLOATS for p in (1.0, math.inf)]
FAST_NORMS.append(Kept("lp", "float32", {"norm_type": 2.0}))
TRUTHS = [Kept("any", "bool"), Kept("all", "uint8"), Kept("count_nonzero", "float32")]
CONVERTED = [
    Kept(op, dtype, {"dtype": to})
    for op, dtype, to in (
        ("sum", "float32", "float64"),
        ("sum", "int8", "float32"),
        ("sum", "float64", "int32"),
        ("sum", "int64", "uint8"),
        ("sum", "uint16", "int16"),
        ("avg", "float64", "float16"),
        ("avg", "float16", "float64"),
        ("avg", "int64", "float32"),
        ("avg", "int16", "uint64"),
        ("avg", "uint64", "int8"),
        ("avg", "uint8", "float64"),
    )
]
COMBINED = [*EXTREMA, *SUMS, *WHOLE_AVERAGES, *PRODUCTS, *FAST_NORMS, *TRUTHS, *CONVERTED]
PLANAR = [kept for kept in COMBINED if "rounding" not in kept.options]  # what is pooled by planes and bundles
TILED = [
    *EXTREMA,
    *SUMS,
    *WHOLE_AVERAGES[::3],
    *[kept for kept in PRODUCTS if kept.dtype in ("float32", "int64")],
    *FAST_NORMS[4::2],
]
ORDERED = [
    *[Kept("median", dtype) for dtype in DTYPES],
    *[Kept("quantile", dtype, {"method": METHODS[i % 5]}) for i, dtype in enumerate(DTYPES * 2)],
    *[Kept("mode", dtype) for dtype in DTYPES],
]
SURVEYED = [
    Kept(op, dtype) for dtype in DTYPES for op in ("lp", "gem", "logsumexp", "softmax", "var", "std", "expectation")
]
ANY = [*COMBINED, *ORDERED, *SURVEYED[::2]]
MASKED = [*EXTREMA, *SUMS, *WHOLE_AVERAGES, *CONVERTED]
OMITTED = [kept for kept in ANY if kept.dtype in FLOATS]
STREAMED = {
    size: [kept for kept in (*EXTREMA, *SUMS) if kept.dtype in dtypes and kept.op in ops]
    for size, dtypes, ops in (
        (8, ("float64", "int64", "uint64"), ("max", "min", "avg")),
        (4, ("float32", "int32", "uint32"), ("max", "min")),
    )
}
STREAMED[8] += [Kept("sum", dtype) for dtype in ("float64", *INTEGERS[:7:2])]
STREAMED[4] += [Kept("avg", dtype) for dtype in ("float32", "uint8", "int16")] + [Kept("sum", "float32")]


def options_of(d: Draw, kept: Kept, slides: bool) -> Arguments:
    """What the op needs and may have beside its windows."""
    options = dict(kept.options)
    if kept.op == "avg" and slides:
        if d.chance(0.4):
            options["count_include_pad"] = False
        if d.chance(0.15):
            options["divisor_override"] = d.of((1, 2, 3, 7, -5, 1000))
    if kept.op == "lp" and "norm_type" not in options:
        options["norm_type"] = d.of((2.0, 3.0, 4.0, 1.5, 0.7))
    if kept.op == "gem":
        options |= {"p": d.of((3.0, 2.0, 1.0, 1.7)), "eps": d.of((1e-6, 0.5))}
    if kept.op in ("logsumexp", "softmax"):
        options["temperature"] = d.of((1.0, 2.0, 0.3))
    if kept.op == "logsumexp" and d.chance(0.4):
        options["normalize"] = True
    if kept.op in ("var", "std"):
        options["ddof"] = d.of((0, 1, 2))
    if kept.op == "quantile":
        options["q"] = d.of((0.0, 0.1, 0.25, 0.5, 0.77, 1.0))
    if kept.op == "median" and d.chance(0.3):
        options["method"] = d.of(METHODS)
    return options
