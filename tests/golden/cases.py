"""What the cases are: each is made from its name alone, of the form family/number.

A family puts some ops and dtypes on windows of some kind. Neighbouring numbers go through its ops and dtypes, so that a
run of any hundred has them all; the rest of a case is drawn. New cases are new families, or more of a family: what is
there stays what it is.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from golden import places
from golden.ops import (
    ANY,
    COMBINED,
    EXTREMA,
    MASKED,
    OMITTED,
    ORDERED,
    PLANAR,
    STREAMED,
    SUMS,
    SURVEYED,
    TILED,
    WHOLE_AVERAGES,
    Arguments,
    Kept,
    options_of,
)
from golden.places import Place
from golden.values import DTYPES, FLOATS, Draw, kind_of


@dataclass(frozen=True)
class Drawn:
    """An array to be made of numbers of a profile: `layout` has the arguments of `layouts.lay_out`, and `repeated`, the
    axes that have one cell in memory.
    """

    dtype: str
    shape: tuple[int, ...]
    profile: str
    layout: Arguments = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A call of a public function."""

    name: str
    function: str  # of tilepool, or one of golden.digests.CHAINS
    op: str
    x: Drawn
    arguments: Arguments  # of which those that are Drawn are made, too
    into: str = ""  # an `out` with "other strides", or in "kept memory"

    @property
    def seed(self) -> int:
        return int.from_bytes(hashlib.blake2b(self.name.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Family:
    """So many cases with what they keep, where they look, and how they differ from a plain call."""

    count: int  # of whole lines of the file, so that more of them change no line
    kept: list[Kept]
    place: Callable[[Draw], Place]
    change: Callable[[Draw, Case], Case] = lambda d, case: case
    profiles: tuple[str, ...] = ("plain", "plain", "ties", "ties", "ties", "wide", "special", "nans")
    laid_out: float = 0.15  # the share of other layouts than the dense one


# ---- what families change of a plain call ----------------------------------------------------------------------------


def with_indices(d: Draw, case: Case) -> Case:
    words = case.arguments
    axis, rank = words["axis"], len(case.x.shape)
    bases = ["plane", "plane", "array"]
    if "kernel_size" in words:
        bases.append("window")
    if 0 not in axis and rank > len(axis):
        bases.append("batch")
    base, dtype = d.of(bases), d.of(("int64", "int64", "int32"))
    if base == "window" and math.prod(along(words["kernel_size"], axis)) < 256:
        dtype = d.of(("int64", "int32", "uint8"))
    options: Arguments = {"return_indices": True, "index_base": base, "index_dtype": dtype}
    if "output_size" in words:
        return replace(case, function="adaptive_pool", arguments={**words, "op": case.op, **options})
    if d.chance(0.15):
        options["nan_policy"] = "omit"
    if d.chance(0.15):
        options["mask"] = mask_for(d, case.x)
    return replace(case, function=f"{case.op}_pool", arguments=without(words, "op") | options)


def far(d: Draw, case: Case) -> Case:
    """Cells of one window whose indices differ by 2**31: rows of 2**30 cells that have the memory of one."""
    outer, inner = case.x.shape
    x = replace(case.x, shape=(outer, 2**30, inner), layout={"repeated": (1,)})
    words = {"kernel_size": (3, 1), "stride": (d.number(1, 3), 2**29), "axis": (0, 1), "return_indices": True}
    return replace(case, function=f"{case.op}_pool", x=x, arguments=words)


def with_mask(d: Draw, case: Case) -> Case:
    words = without(case.arguments, "op") | {"mask": mask_for(d, case.x)}
    if d.chance(0.3):
        words["nan_policy"] = "omit"
    return replace(case, function=f"{case.op}_pool", arguments=words)


def with_weights(d: Draw, case: Case) -> Case:
    profile = case.x.profile if case.x.profile == "plain" else "ties"
    words = without(case.arguments, "op") | {"weights": Drawn(d.of(DTYPES), narrower(d, case.x.shape), profile)}
    if d.chance(0.2):
        words["mask"] = mask_for(d, case.x)
    return replace(case, function=f"{case.op}_pool", arguments=words)


def with_omission(d: Draw, case: Case) -> Case:
    return replace(case, arguments={**case.arguments, "nan_policy": "omit"})


def with_layout(d: Draw, case: Case) -> Case:
    return replace(case, x=replace(case.x, layout=layout_for(d, case.x)))


def globally(d: Draw, case: Case) -> Case:
    words = without(case.arguments, "output_size")
    if d.chance(0.4):
        return case
    return replace(case, function="global_pool", arguments=words | {"op": case.op, "keepdims": d.chance(0.5)})


def in_pyramids(d: Draw, case: Case) -> Case:
    words = without(case.arguments, "output_size")
    grids = tuple(d.of((1, 2, 3, 4)) for _ in range(d.number(1, 3)))
    return replace(case, function="pyramid_pool", arguments=words | {"op": case.op, "grids": grids})


def stochastic(d: Draw, case: Case) -> Case:
    words = without(case.arguments, "op")
    indices = {"return_indices": True, "index_base": d.of(("plane", "array"))} if d.chance(0.6) else {}
    if d.chance(0.2):
        indices["nan_policy"] = "omit"
    return replace(case, function="drawn", op="stochastic", arguments=words | indices)


def mixed(d: Draw, case: Case) -> Case:
    words = without(case.arguments, "op") | {"alpha": d.of((0, 0.25, 0.5, 0.7, 1)), "count_include_pad": d.chance(0.5)}
    return replace(case, function="mixed_pool", op="mixed", arguments=words)


def unpooled(d: Draw, case: Case) -> Case:
    """Indices of a max-pooling put to use."""
    return replace(case, function=d.of(("unpooled", "converted")), arguments=without(case.arguments, "op"))


def along(word: Any, axis: tuple[int, ...]) -> tuple[int, ...]:
    return word if isinstance(word, tuple) else (word,) * len(axis)


def without(words: Arguments, *names: str) -> Arguments:
    return {name: word for name, word in words.items() if name not in names}


def narrower(d: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to this one."""
    kept = tuple(n if d.chance(0.8) else 1 for n in shape)
    return kept[d.number(0, len(kept) - 1) :] if d.chance(0.3) else kept


def mask_for(d: Draw, x: Drawn) -> Drawn:
    return Drawn("bool", narrower(d, x.shape), "plain")


def layout_for(d: Draw, x: Drawn) -> Arguments:
    rank, size = len(x.shape), kind_of(x.dtype).itemsize
    layout: Arguments = {}
    if d.chance(0.4):
        layout["order"] = d.order(rank)
    if d.chance(0.5):
        steps = [d.of((1, 1, 2, 3, -1, -2)) for _ in range(rank)]
        if d.chance(0.5):
            steps[layout.get("order", range(rank))[-1]] = 1
        layout["steps"] = tuple(steps)
    if d.chance(0.3):
        layout["margin"] = d.number(1, 2)
    if d.chance(0.4):
        layout["offset"] = d.number(1, 15) * (size if d.chance(0.6) else 1)
    if d.chance(0.15) and x.dtype != "bfloat16":  # which has no other byte order
        layout["swapped"] = True
    if d.chance(0.1):
        layout["repeated"] = (d.number(0, rank - 1),)
    return layout or {"order": tuple(reversed(range(rank)))}


# ---- calls and places ------------------------------------------------------------------------------------------------


def function_for(d: Draw, kept: Kept, windows: Arguments) -> tuple[str, Arguments]:
    """One of the public functions that make such a call, and what it is to be told beside the windows."""
    op, core = kept.op, ("max", "min", "avg", "sum")
    if "boundaries" in windows:
        return f"fractional_{op}_pool", {}
    if op == "expectation":
        return "stochastic_pool", {"training": False}
    if "output_size" in windows:
        if op in core and "rounding" not in kept.options and d.chance(0.5):
            return f"adaptive_{op}_pool", {}
        return "adaptive_pool", {"op": op}
    named = op not in ("prod", "any", "all", "count_nonzero")
    return (f"{op}_pool", {}) if named and d.chance(0.5) else ("pool", {"op": op})


SLIDING = [places.endless, places.bundles, places.planes, places.columns, places.gathered, places.direct, places.small]


def anywhere(d: Draw) -> Place:
    return d.of((*SLIDING, places.doubled, places.row_blocks, places.small))(d)


def slides(d: Draw) -> Place:
    place = d.of(SLIDING)(d)
    return place if "kernel_size" in place.windows else places.direct(d)


def ordinary(d: Draw) -> Place:
    """Small: what every tap of every window is looked at for."""
    return d.of((places.direct, places.small, places.gathered, places.colours, places.empty_windows, places.small))(d)


def long_lists(d: Draw) -> Place:
    """More than 2048 taps."""
    width = d.number(2_050, 2_300)
    few = Place((width, 3), (0,), {"kernel_size": width - 2, "stride": 1})
    return d.of((Place((2, width), (1,), {"output_size": 1}), few))


def grids(d: Draw) -> Place:
    shape = (2, d.number(4, 9), d.number(4, 9), d.number(1, 4))
    return Place(shape, d.of(((1, 2), (2, 3), (1, 3))), {"output_size": 1})


def single_windows(d: Draw) -> Place:
    """One a row."""
    shape = (d.number(1, 3), d.number(2, 9), d.number(3, 40))
    return Place(shape, d.of(((2,), (1, 2), (0, 1, 2), (0, 2))), {"output_size": 1})


def uneven(d: Draw) -> Place:
    place = d.of((places.listed, places.whole))(d)
    return place if "output_size" in place.windows else Place(place.shape, place.axis, {"output_size": 3})


def unclipped(d: Draw) -> Place:
    """Of which `max_unpool` finds the size by itself."""
    kernel, outputs = d.number(1, 3), (d.number(1, 5), d.number(1, 9))
    shape = (2, *[n * kernel for n in outputs])
    return Place(shape, (1, 2), {"kernel_size": kernel, "stride": kernel})


def apart(d: Draw) -> Place:
    return Place((d.number(3, 5), d.number(2, 40)), (0,), {"kernel_size": 3})


def streamed(size: int) -> Callable[[Draw], Place]:
    return lambda d: places.streamed(d, size)


FINITE = ("plain", "ties", "ties")
FEW_NANS = ("plain", "ties", "ties", "nans", "special")
SPECIAL = ("special", "nans", "wide")
HOLES = ("holes", "holes", "nans", "special")

FAMILIES = {
    "endless": Family(800, PLANAR, places.endless),
    "bundles": Family(800, PLANAR, places.bundles),
    "planes": Family(800, COMBINED, places.planes),
    "tall_planes": Family(600, COMBINED, places.tall_planes),
    "columns": Family(900, COMBINED, places.columns),
    "rows": Family(560, COMBINED, places.rows),
    "gathered": Family(800, COMBINED, places.gathered),
    "listed": Family(700, COMBINED, places.listed),
    "direct": Family(1200, COMBINED, places.direct),
    "colours": Family(400, COMBINED, places.colours),
    "doubled": Family(900, COMBINED, places.doubled),
    "row_blocks": Family(700, COMBINED, places.row_blocks),
    "long_windows": Family(800, COMBINED, places.long_windows),
    "whole": Family(600, ANY, places.whole, globally),
    "empty_windows": Family(500, ANY, places.empty_windows),
    "small": Family(1500, ANY, places.small, laid_out=0.5),
    "layouts": Family(1500, COMBINED, anywhere, with_layout),
    "specials": Family(800, [*EXTREMA[:8], *ORDERED[:4], *ORDERED[39:43]], anywhere, profiles=SPECIAL),
    "tiles": Family(500, TILED, places.tiles),
    "distant": Family(100, TILED, places.distant, laid_out=0),
    "streamed8": Family(80, STREAMED[8], streamed(8), profiles=FINITE, laid_out=0),
    "streamed4": Family(60, STREAMED[4], streamed(4), profiles=FINITE, laid_out=0),
    "indices": Family(1500, EXTREMA, ordinary, with_indices),
    "index_specials": Family(400, EXTREMA[:8], ordinary, with_indices, profiles=SPECIAL),
    "uneven_indices": Family(300, EXTREMA, uneven, with_indices),
    "far_indices": Family(120, EXTREMA, apart, far, profiles=("plain", "ties", "nans"), laid_out=0),
    "order": Family(1200, ORDERED, ordinary),
    "long_order": Family(160, ORDERED, long_lists),
    "surveys": Family(1100, SURVEYED, ordinary, profiles=FEW_NANS),
    "long_surveys": Family(200, SURVEYED, places.long_windows, profiles=FINITE),
    "omitted": Family(600, OMITTED, ordinary, with_omission, profiles=HOLES),
    "omitted_whole": Family(240, OMITTED, single_windows, with_omission, profiles=HOLES),
    "masked": Family(700, MASKED, slides, with_mask, profiles=("plain", "ties", "holes", "special")),
    "weighted": Family(500, [*SUMS, *WHOLE_AVERAGES], slides, with_weights, profiles=FEW_NANS),
    "pyramids": Family(200, ANY, grids, in_pyramids),
    "stochastic": Family(300, EXTREMA[::2], ordinary, stochastic, profiles=FEW_NANS),
    "mixed": Family(200, EXTREMA[::2], ordinary, mixed, profiles=FEW_NANS),
    "unpooled": Family(200, EXTREMA[::2], unclipped, unpooled),
}


def case(family: str, number: int) -> Case:
    """The case of that name."""
    of = FAMILIES[family]
    d = Draw(f"{family}/{number}")
    kept = of.kept[number % len(of.kept)]
    shape, axis, windows = of.place(d)
    if "boundaries" in windows and kept.op not in ("max", "avg"):
        windows = {"output_size": tuple(min(n, 7) for n in (shape[a] for a in axis))}
    if kept.op == "expectation" and "kernel_size" not in windows:
        kept = Kept("std", kept.dtype)
    function, told = function_for(d, kept, windows)
    options = options_of(d, kept, "kernel_size" in windows)
    if "boundaries" in windows:
        options = without(options, "rounding")
    x = Drawn(kept.dtype, shape, d.of(of.profiles))
    if kept.op == "avg" and kept.dtype in FLOATS and "int" in str(options.get("dtype")):
        x = replace(x, profile="plain")  # NaN is no integer
    if d.chance(of.laid_out):
        x = replace(x, layout=layout_for(d, x))
    if family.startswith("streamed"):
        x = replace(x, layout={"repeated": (0,)})
    into = "kept memory" if family.startswith("streamed") else "other strides" if d.chance(0.03) else ""
    words = {"axis": axis, **windows, **told, **options}
    return of.change(d, Case(f"{family}/{number}", function, kept.op, x, words, into))
