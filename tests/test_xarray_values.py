"""Named arrays: the numbers of numpy's call, whatever names an axis, and of arrays of dask without a computation."""

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilepool as tp
from agreement import as_tuple
from named_arrays import DIMS, field, same_bits, xr
from rounding_errors import assert_close, error

FUNCTIONS = [tp.max_pool, tp.min_pool, tp.avg_pool, tp.sum_pool, tp.median_pool, tp.mode_pool, tp.var_pool]


@given(data=st.data())
def test_names_mean_what_numbers_mean(data: st.DataObject) -> None:
    """Any two options together, by name and by number: the same bits, in the same dimensions."""
    ndim = data.draw(st.integers(1, 4))
    dims = tuple(data.draw(st.permutations(["time", "lat", "lon", "level"]))[:ndim])
    shape = tuple(data.draw(st.lists(st.integers(4, 9), min_size=ndim, max_size=ndim)))
    pooled = data.draw(st.lists(st.sampled_from(dims), min_size=1, unique=True))
    small = st.integers(1, 3)
    kernels = {dim: data.draw(small) for dim in pooled}
    by_name: dict[str, Any] = {}
    by_number: dict[str, Any] = {}
    axes = sorted(dims.index(dim) for dim in pooled)
    order = [dims[axis] for axis in axes]
    for name in data.draw(st.lists(st.sampled_from(["stride", "padding", "dilation"]), max_size=2, unique=True)):
        some = data.draw(st.lists(st.sampled_from(pooled), unique=True))
        values: dict[str, Any] = {dim: data.draw(small) for dim in some}
        defaults: dict[str, Any] = dict.fromkeys(pooled, 1)
        if name == "stride":
            defaults = dict(kernels)
        if name == "padding":
            values = {dim: data.draw(st.integers(0, kernels[dim] - 1)) for dim in some}
            values |= {dim: (pad, 0) for dim, pad in values.items() if data.draw(st.booleans())}
            defaults = dict.fromkeys(pooled, 0) | values
            pairs = [value if isinstance(value, tuple) else (value, value) for value in map(defaults.get, order)]
            by_name[name], by_number[name] = values, pairs
            continue
        by_name[name], by_number[name] = values, [{**defaults, **values}[dim] for dim in order]
    if "padding" not in by_name and data.draw(st.booleans()):
        by_name["padding"] = by_number["padding"] = data.draw(st.sampled_from(["same", "same_lower", "valid"]))
    for name, value in (("ceil_mode", True), ("nan_policy", "omit"), ("min_count", 2)):
        if data.draw(st.booleans()):
            by_name[name] = by_number[name] = value
    x = field(shape, dims)
    pool = data.draw(st.sampled_from(FUNCTIONS))
    sizes: Any = kernels
    if data.draw(st.booleans()):  # named by axis=, sizes in that order, which is the order of the windows as well
        by_name["axis"] = tuple(order)
        sizes = [kernels[dim] for dim in order] if data.draw(st.booleans()) else kernels
    try:
        expected = pool(x.values, [kernels[dim] for dim in order], axis=tuple(axes), **by_number)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            pool(x, sizes, **by_name)
        return
    result = pool(x, sizes, **by_name)
    assert result.dims == dims
    assert same_bits(result.values, expected)
    assert (result.name, result.attrs) == (x.name, x.attrs)
    assert "chunksizes" not in result.encoding
    assert (result.encoding == {}) == (result.dtype != x.dtype)
    assert result.encoding.get("scale_factor", 0.01) == 0.01


def test_every_function_takes_named_arrays() -> None:
    """Each public function that pools, its result and its indices beside those of numpy's call."""
    x = field((2, 9, 8))
    by_axis = {"axis": ("lat", "lon")}
    numbers = {"axis": (1, 2)}
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (getattr(tp, name), ((2, 3),), {})
        for name in ("max_pool", "min_pool", "avg_pool", "sum_pool", "gem_pool", "logsumexp_pool", "softmax_pool",
                     "median_pool", "mode_pool", "std_pool", "var_pool", "mixed_pool")
    ]  # fmt: skip
    calls += [(getattr(tp, f"adaptive_{op}_pool"), ((3, 5),), {}) for op in ("max", "min", "avg", "sum")]
    calls += [
        (tp.lp_pool, (2, 3), {}), (tp.quantile_pool, (0.3, (2, 3)), {}), (tp.pool, ((2, 3), "std"), {"ddof": 1}),
        (tp.stochastic_pool, (2,), {"rng": 5}), (tp.adaptive_pool, ((3, None), "median"), {}),
        (tp.global_pool, ("max",), {}), (tp.global_pool, (), {"keepdims": False}),
        (tp.pyramid_pool, ([1, (2, 3)],), {}),
        (tp.fractional_max_pool, (), {"output_size": (4, 3), "rng": 2, "return_boundaries": True}),
        (tp.fractional_avg_pool, (), {"output_ratio": 0.6, "rng": 2}),
        (tp.max_pool, (2,), {"return_indices": True}), (tp.adaptive_min_pool, (2,), {"return_indices": True}),
        (tp.pool, (2, "max"), {"return_indices": True, "index_base": "array"}),
        (tp.fractional_max_pool, (2,), {"output_size": 3, "rng": 1, "return_boundaries": True, "return_indices": True}),
    ]  # fmt: skip
    known = {name for name in tp.__all__ if name.endswith("_pool") or name == "pool"}
    assert known <= {call.__name__ for call, *_ in calls}
    for pool, args, options in calls:
        for given_x in (x, x.variable):
            result = pool(given_x, *args, **by_axis, **options)
            expected = pool(x.values, *args, **numbers, **options)
            results, arrays = as_tuple(result), as_tuple(expected)
            assert len(results) == len(arrays)
            for number, (part, array) in enumerate(zip(results, arrays, strict=True)):
                if isinstance(array, tuple):  # boundaries
                    assert all(map(np.array_equal, part, array))
                    continue
                assert type(part) is type(given_x), pool
                assert same_bits(part.values, array), pool
                assert part.attrs == ({} if number else x.attrs)
    dropped = tp.global_pool(x, keepdims=False, axis=("lat", "lon"))
    assert (dropped.dims, list(dropped.coords)) == (("time",), ["time"])
    cells = tp.pyramid_pool(x, [{"lat": 1, "lon": 1}, {"lon": 2, "lat": 3}])
    assert (cells.dims, list(cells.coords)) == (("time", "lat_lon"), ["time"])
    assert same_bits(cells.values, tp.pyramid_pool(x.values, [1, (3, 2)], axis=(1, 2)))
    cells = tp.pyramid_pool(x, [1, 3], axis="lat")
    assert (cells.dims, list(cells.coords)) == (DIMS, ["time", "lon"])
    assert same_bits(cells.values, tp.pyramid_pool(x.values, [1, 3], axis=1))
    points = tp.fractional_max_pool(x, boundaries={"lon": [0, 3, 8], "lat": [0, 2, 9]})
    assert same_bits(points.values, tp.fractional_max_pool(x.values, boundaries=([0, 2, 9], [0, 3, 8]), axis=(1, 2)))
    cells = x.lon.values
    bound = error(2 * (4 + 1)) * np.abs(cells).max()  # four additions and a division, by two orders
    assert_close(points.lon.values, [cells[:3].mean(), cells[3:].mean()], bound)


def test_numbers_and_layouts_name_dimensions_as_well() -> None:
    x = field((2, 3, 6, 8), ("batch", "channel", "y", "x"))
    expected = tp.max_pool(x.values, 2)
    assert same_bits(tp.max_pool(x, 2, axis=np.array([2, 3])).values, expected)
    for options in ({"layout": "channels_first"}, {"axis": (2, 3)}, {"axis": (-2, "x")}, {"axis": ["y", -1]}):
        result = tp.max_pool(x, 2, **options)
        assert same_bits(result.values, expected)
    assert same_bits(tp.max_pool(x, 2, axis=2).values, tp.max_pool(x.values, 2, axis=2))


def test_masks_and_weights_are_aligned_by_name() -> None:
    x = field()
    mask = xr.DataArray(np.random.default_rng(1).random((12, 10)) < 0.7, {"lon": x.lon, "lat": x.lat}, ("lon", "lat"))
    area = np.cos(x.lat / 10) ** 2
    size = {"lat": 2, "lon": 3}
    numbers = {"kernel_size": (2, 3), "axis": (1, 2), "nan_policy": "omit"}
    result = tp.avg_pool(x, size, mask=mask, weights=area, nan_policy="omit")
    assert same_bits(
        result.values, tp.avg_pool(x.values, mask=mask.values.T, weights=area.values[:, np.newaxis], **numbers)
    )
    assert same_bits(tp.max_pool(x, size, mask=mask.variable).values, tp.max_pool(x, size, mask=mask.values.T).values)
    alpha = xr.DataArray([0.0, 0.5, 1.0], dims="time")
    mixed = tp.mixed_pool(x, size, alpha=alpha)
    assert same_bits(
        mixed.values, tp.mixed_pool(x.values, (2, 3), axis=(1, 2), alpha=alpha.values[:, np.newaxis, np.newaxis])
    )
    elsewhere = mask.assign_coords(lon=mask.lon + 1)
    with pytest.raises(ValueError, match=r"^mask must have the coordinates of x along 'lon', not other ones: pass "):
        tp.avg_pool(x, size, mask=elsewhere)
    with pytest.raises(ValueError, match=r"^weights must have dimensions of x, which are .*, not 'level'$"):
        tp.avg_pool(x, size, weights=area.rename(lat="level"))


# ---- dask ------------------------------------------------------------------------------------------------------------


def test_dask_stays_lazy() -> None:
    """Nothing is computed until it is asked for: neither data, masks nor coordinates of two dimensions."""
    dask = pytest.importorskip("dask.array")
    config = pytest.importorskip("dask").config

    def refuse(*given: Any, **more: Any) -> None:
        raise AssertionError("something was computed")

    numbers = field((4, 13, 18))
    numbers.coords["area"] = (("lat", "lon"), np.random.default_rng(2).random((13, 18)))
    x = numbers.chunk({"time": 1, "lat": 5, "lon": 7})
    mask = numbers.notnull()
    assert isinstance(x.area.data, dask.Array)
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (tp.max_pool, ({"lat": 4, "lon": 3},), {}), (tp.max_pool, ({"lon": 3},), {"return_indices": True}),
        (tp.min_pool, ({"lat": 3, "lon": 3}, 1, "same"), {"nan_policy": "omit", "min_count": 2}),
        (tp.global_pool, ("max",), {"axis": ("lat", "lon"), "keepdims": False}),
        (tp.adaptive_max_pool, ({"time": 2, "lat": 1},), {}),
        (tp.median_pool, ({"lat": 4, "lon": 2},), {"mask": mask.chunk({"lat": 4}), "nan_policy": "omit"}),
        (tp.pyramid_pool, ([1, 3],), {"axis": ("lat", "lon")}),
        (tp.fractional_max_pool, (), {"output_size": {"lat": 5, "lon": 4}, "rng": 3}),
    ]  # fmt: skip
    for pool, args, options in calls:
        with config.set(scheduler=refuse):
            results = pool(x, *args, **options)
        if "mask" in options:
            options["mask"] = options["mask"].compute()
        for part, expected in zip(as_tuple(results), as_tuple(pool(numbers, *args, **options)), strict=True):
            assert isinstance(part.data, dask.Array)
            assert part.dtype == expected.dtype
            if "area" in expected.coords:  # numbers of up to 1, of which dask adds up to 12 in another order
                assert isinstance(part.area.data, dask.Array)
                xr.testing.assert_allclose(part.area, expected.area, rtol=0, atol=2 * 12 * 2.0**-53)
                part = part.drop_vars("area")
            xr.testing.assert_identical(part.compute(), expected.drop_vars("area", errors="ignore"))
    ds = xr.Dataset({"t": x, "u": 2 * x}).drop_vars("area")
    with config.set(scheduler=refuse):
        pooled = tp.max_pool(ds, {"lat": 4, "lon": 3})
    assert pooled.chunks
    xr.testing.assert_identical(pooled.compute(), tp.max_pool(ds.compute(), {"lat": 4, "lon": 3}))


# ---- the page --------------------------------------------------------------------------------------------------------


def test_page() -> None:
    """The examples of the page, and the calls of its table."""
    page = (Path(__file__).parents[1] / "docs" / "named_arrays.md").read_text()
    examples = doctest.DocTestParser().get_doctest(page, {}, "named_arrays.md", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert runner.run(examples, clear_globs=False).failed == 0
    calls = re.findall(r"\| `(tp\..*)` \|$", page, re.MULTILINE)
    names = examples.globs | {"ds": examples.globs["ds"][["t2m", "run"]]}
    assert len(calls) == 7
    for call in calls:
        results = as_tuple(eval(call, names))
        assert isinstance(results[0], xr.Dataset if "(ds" in call else xr.DataArray)
