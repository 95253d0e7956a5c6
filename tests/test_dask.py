"""Arrays of dask: lazy results of the exact form, equal to those of the whole array in memory, however it is cut."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import tilepool as tp
from layouts import any_numbers, whole_numbers
from test_oracle_agreement import SEEDS, Geometry, geometries
from tilepool import _core

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

PLACES = {"return_indices": True}
Ops = list[tuple[str, dict[str, Any]]]
ONE_OF_THE_CELLS: Ops = [
    ("max", {}), ("min", {}), ("max", PLACES), ("min", PLACES), ("any", {}), ("all", {}), ("median", {}),
    ("quantile", {"q": 0.3, "method": "lower"}), ("mode", {}),
]  # fmt: skip
EXACT_OF_WHOLE_NUMBERS: Ops = [("sum", {}), ("avg", {}), ("avg", {"count_include_pad": False}), ("prod", {}),
                               ("count_nonzero", {}), ("mixed", {"alpha": 0.25})]  # fmt: skip
ROUNDED: Ops = [
    ("lp", {"norm_type": 2.0}), ("gem", {}), ("logsumexp", {}), ("softmax", {}), ("var", {"ddof": 1}), ("std", {}),
    ("stochastic", {"training": False}),
]  # fmt: skip


@st.composite
def cuts(draw: st.DrawFn, n: int) -> tuple[int, ...]:
    """Chunks of an axis: even ones, odd ones, single cells, and some of none."""
    size = draw(st.integers(1, max(1, n)))
    if draw(st.booleans()):
        return (size,) * (n // size) + ((n % size,) if n % size else ())
    points = sorted(draw(st.lists(st.integers(0, n), max_size=6)))
    return tuple(np.diff([0, *points, n]).tolist())


@st.composite
def chunkings(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(draw(cuts(n)) for n in shape)


def as_tuple(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


def computed(lazy: Any, tasks: int | None = None) -> Any:
    """The chunks of an array, each of which is what the array says of it, put together."""
    assert type(lazy) is da.Array
    assert type(lazy._meta) is np.ndarray
    assert lazy._meta.dtype == lazy.dtype
    assert lazy._meta.ndim == lazy.ndim
    chunks = np.empty(lazy.numblocks, object)
    for place, part in zip(np.ndindex(*lazy.numblocks), dask.compute(*lazy.to_delayed().ravel(), scheduler="sync"),
                           strict=True):  # fmt: skip
        assert type(part) is np.ndarray or part.ndim == 0
        assert part.dtype == lazy.dtype
        assert part.shape == tuple(along[i] for along, i in zip(lazy.chunks, place, strict=True))
        chunks[place] = part
    return lazy.compute(scheduler="sync")


def check(function: Any, x: Any, chunks: Any, *args: Any, units: int = 0, **options: Any) -> None:
    """The same from an array of dask as from one in memory, and the same errors.

    Results that are rounded are right to a few units: at most 4 on either side, of the result or of the square of the
    largest cell.
    """
    lazy = da.from_array(x, chunks=chunks)
    with np.errstate(all="ignore"):
        try:
            expected = as_tuple(function(x, *args, **options))
        except (TypeError, ValueError) as refusal:
            with pytest.raises(type(refusal), match=f"^{re.escape(str(refusal))}$"):
                dask.compute(function(lazy, *args, **options), scheduler="sync")
            return
        results = as_tuple(function(lazy, *args, **options))
        for result, values in zip(results, expected, strict=True):
            assert result.dtype == values.dtype
            assert result.shape == values.shape
            found, unit = computed(result), 0.0
            if reference.is_float(values.dtype):
                unit = units * float(reference.finfo(values.dtype).eps)
                found, values = found.astype(np.float64), values.astype(np.float64)
                if not units:
                    number = ~np.isnan(values)
                    assert np.array_equal(np.signbit(found[number]), np.signbit(values[number]))
            if unit:
                np.testing.assert_allclose(found, values, unit, unit * np.abs(x, dtype=np.float64).max() ** 2)
            else:
                np.testing.assert_array_equal(found, values)


GEOMETRIES = geometries(most_pooled=3)
DTYPES = st.sampled_from(_core.dtypes)
GROUPS = [(ONE_OF_THE_CELLS, any_numbers, 0), (EXACT_OF_WHOLE_NUMBERS, whole_numbers, 0), (ROUNDED, whole_numbers, 8)]


@pytest.mark.parametrize(("ops", "numbers", "units"), GROUPS, ids=["cells", "sums", "rounded"])
@given(data=st.data(), geometry=GEOMETRIES, dtype=DTYPES, seed=SEEDS)
def test_sliding_windows(
    ops: Ops, numbers: Any, units: int, data: st.DataObject, geometry: Geometry, dtype: str, seed: int
) -> None:
    x = numbers(np.random.default_rng(seed), geometry.shape, dtype)
    op, own = data.draw(st.sampled_from(ops))
    chunks = data.draw(chunkings(geometry.shape))
    check(tp.pool, x, chunks, op=op, axis=geometry.axis, units=units, **geometry.arguments, **own)
