"""Named arrays: the numbers of numpy's call, coordinates as `coarsen` makes them, and what becomes of a Dataset."""

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilepool as tp

xr = pytest.importorskip("xarray")
pd = pytest.importorskip("pandas")
DIMS = ("time", "lat", "lon")
FUNCTIONS = [tp.max_pool, tp.min_pool, tp.avg_pool, tp.sum_pool, tp.median_pool, tp.mode_pool, tp.var_pool]


def field(shape: tuple[int, ...] = (3, 10, 12), dims: tuple[str, ...] = DIMS, seed: int = 0) -> Any:
    """A field of random numbers, a tenth of which are NaN, on coordinates that are no round numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).astype(np.float32)
    values[rng.random(shape) < 0.1] = np.nan
    coords = {dim: rng.normal(size=n).cumsum() for dim, n in zip(dims, shape, strict=True)}
    x = xr.DataArray(values, coords, dims, name="t2m", attrs={"units": "K", "long_name": "air temperature"})
    x.encoding = {"dtype": "int16", "scale_factor": 0.01, "chunksizes": shape}
    return x


def same_bits(a: Any, b: Any) -> bool:
    """Equal, NaN for NaN and zero for zero."""
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


# ---- numbers ---------------------------------------------------------------------------------------------------------


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
    assert points.lon.values.tolist() == pytest.approx([x.lon.values[:3].mean(), x.lon.values[3:].mean()], rel=1e-15)


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


# ---- coordinates -----------------------------------------------------------------------------------------------------


def with_coordinates(n: int, m: int, seed: int) -> Any:
    """A plane whose coordinates are of every kind that `coarsen` knows."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("1999-11-30", periods=n, freq="7h")
    spans = pd.to_timedelta(rng.integers(0, 10**6, m), unit="s")
    plane = rng.normal(size=(n, m))
    plane[0, 0] = np.nan
    coords = {
        "y": rng.normal(size=n).cumsum(),
        "x": ("x", rng.normal(size=m).astype(np.float32), {"units": "m"}),
        "time": ("y", days),
        "lead": ("x", spans),
        "number": ("x", rng.integers(-9, 9, m)),
        "land": ("y", rng.random(n) < 0.5),
        "longitude": (("y", "x"), plane),
        "level": 850,
    }
    return xr.DataArray(rng.normal(size=(n, m)), coords, ("y", "x"))


@pytest.mark.parametrize("numbagg", [False, True])  # where it is installed, coarsen adds up in another order
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 10, 12])
def test_coordinates_are_those_of_coarsen(size: int, numbagg: bool) -> None:
    """To the bit, so that results of both can be added; also where the last window hangs over the end."""
    with xr.set_options(use_numbagg=numbagg):
        compare_with_coarsen(with_coordinates(25, 38, size), size)


def compare_with_coarsen(x: Any, size: int) -> None:
    for other in (1, 3, size):
        sizes = {"y": size, "x": other}
        for ceil_mode, boundary in ((False, "trim"), (True, "pad")):
            result = tp.max_pool(x, sizes, ceil_mode=ceil_mode)
            expected = x.coarsen(sizes, boundary=boundary).max()
            assert set(result.coords) == set(expected.coords)
            for name, coord in expected.coords.items():
                assert result[name].dtype == coord.dtype or 1 in (size, other), name  # coordinates that are kept
                xr.testing.assert_equal(result[name].variable, coord.variable)
                assert result[name].attrs == coord.attrs
            xr.testing.assert_identical(result.drop_vars(x.coords), expected.drop_vars(x.coords))
            assert (result - expected).shape == expected.shape
    whole = tp.global_pool(x, "max", axis=("y", "x"))
    for name, coord in x.coarsen(y=25, x=38).max().coords.items():
        xr.testing.assert_equal(whole[name].variable, coord.variable)


@given(data=st.data())
def test_coordinates_are_means_of_the_cells_in_a_window(data: st.DataObject) -> None:
    """Over windows that `coarsen` does not cut: overlapping, padded, dilated, adaptive; of every kind of number."""
    x = with_coordinates(data.draw(st.integers(5, 12)), data.draw(st.integers(5, 12)), data.draw(st.integers(0, 9)))
    kernel, stride, dilation = (data.draw(st.integers(1, k)) for k in (4, 5, 2))
    extent = dilation * (kernel - 1) + 1
    pads = data.draw(st.tuples(*[st.integers(0, extent - 1)] * 2))
    n = x.sizes["y"]
    if data.draw(st.booleans()):
        outputs = data.draw(st.integers(1, n + 2))
        result = tp.adaptive_max_pool(x, {"y": outputs})
        windows = [range(i * n // outputs, -(-(i + 1) * n // outputs)) for i in range(outputs)]
        kept = outputs == n
    else:
        mode = data.draw(st.sampled_from(["floor", "ceil", "full"]))
        if extent > n + sum(pads):
            return
        result = tp.max_pool(x, {"y": kernel}, {"y": stride}, {"y": pads}, {"y": dilation}, mode)
        taps = [range(i * stride - pads[0], i * stride - pads[0] + extent, dilation) for i in range(result.sizes["y"])]
        windows = [
            range(max(t.start + -(min(t.start, 0) // dilation) * dilation, 0), min(t.stop, n), dilation) for t in taps
        ]
        kept = stride == 1 and len(taps) == n
    assert result.x.identical(x.x)
    assert result.level.identical(x.level)
    for name in ("y", "time", "land", "longitude"):
        cells, means = x[name].values, result[name].values
        if kept:
            assert np.array_equal(cells, means, equal_nan=name not in ("time", "land"))
            continue
        for window, mean in zip(windows, means, strict=True):
            seen = cells[list(window)]
            if name == "time":
                if len(window) == 0:
                    assert np.isnat(mean)
                    continue
                exact = seen.astype(np.int64)  # coarsen is off by roundings of float64
                assert abs(int(mean.astype(np.int64)) - sum(map(int, exact)) / len(exact)) <= 1
            elif len(window) == 0:
                assert np.isnan(mean).all()
            else:
                expected = np.array([np.nan if np.isnan(column).all() else np.nanmean(column)
                                     for column in np.atleast_2d(seen.astype(float).T)])  # fmt: skip
                # Sums of up to 12 numbers below 32, by two orders.
                assert np.allclose(expected, mean, rtol=0, atol=12 * 32 * 12 * 2.0**-53, equal_nan=True)


def test_calendars() -> None:
    cftime = pytest.importorskip("cftime")
    days = [cftime.DatetimeNoLeap(2001, 2, day) for day in range(25, 29)] + [cftime.DatetimeNoLeap(2001, 3, 1)]
    x = xr.DataArray(np.arange(5.0), {"time": days}, ("time",))
    assert tp.max_pool(x, {"time": 2}).time.identical(x.coarsen(time=2, boundary="trim").max().time)
    result = tp.max_pool(x, {"time": 3}, 2, 1)
    assert result.time.values.tolist() == [
        cftime.DatetimeNoLeap(2001, 2, 25, 12), cftime.DatetimeNoLeap(2001, 2, 27),
        cftime.DatetimeNoLeap(2001, 2, 28, 12),
    ]  # fmt: skip


def test_bounds_are_the_outer_ones() -> None:
    """Of rising and of falling coordinates, whatever the order in a cell; named by attributes or by the encoding."""
    edges = np.array([90.0, 80, 60, 30, 0, -90])
    falling, rising = np.stack([edges[:-1], edges[1:]], 1), np.stack([edges[1:], edges[:-1]], 1)
    x = xr.Dataset({"t": ("lat", np.arange(5))}, {"lat": ("lat", edges[:-1], {"bounds": "lat_bnds"})})
    for cells, flip in ((falling, 1), (rising, -1)):
        plain = x.assign(lat_bnds=(("lat", "bnds"), cells))
        for bounded in (plain, plain.set_coords("lat_bnds")):
            result = tp.max_pool(bounded, {"lat": 2})
            assert ("lat_bnds" in result.coords) == ("lat_bnds" in bounded.coords)
            assert result.lat_bnds.values.tolist() == [[90, 60][::flip], [60, 0][::flip]]
            assert tp.max_pool(bounded, {"lat": 3}, 1, 1).lat_bnds.identical(bounded.lat_bnds)
            padded = tp.max_pool(bounded, {"lat": 3}, 2, 1)
            assert padded.lat_bnds.values.tolist() == [[90, 60][::flip], [80, 0][::flip], [30, -90][::flip]]
            assert tp.global_pool(bounded, "max", axis="lat").lat_bnds.values.tolist() == [[90, -90][::flip]]
            assert list(tp.global_pool(bounded, "max", axis="lat", keepdims=False).variables) == ["t"]
            turned = bounded.assign(lat_bnds=bounded.lat_bnds.transpose())
            assert tp.max_pool(turned, {"lat": 2}).lat_bnds.values.T.tolist() == result.lat_bnds.values.tolist()
    nothing = tp.max_pool(bounded, {"lat": 2}, {"lat": 7}, ceil_mode="full")
    assert np.isnan(nothing.lat_bnds.values[1]).all()
    months = pd.date_range("2000", periods=13, freq="MS").values
    time = xr.Dataset({"t": ("time", np.arange(12))}, {"time": months[:-1]})
    time.time.encoding["bounds"] = "edges"
    seasons = tp.max_pool(time.assign(edges=(("time", "nv"), np.stack([months[:-1], months[1:]], 1))), {"time": 3})
    assert seasons.edges.values.tolist() == np.stack([months[:-1:3], months[3::3]], 1).tolist()
    assert seasons.time.encoding["bounds"] == "edges"


def test_intervals_are_the_outer_ones() -> None:
    for breaks in ([0.0, 1, 3, 6, 10, 15], pd.date_range("2000", periods=6), [9, 6, 5, 3, 1, 0]):
        falling = breaks[0] > breaks[-1]
        low, high = (breaks[1:], breaks[:-1]) if falling else (breaks[:-1], breaks[1:])
        index = pd.IntervalIndex.from_arrays(low, high, closed="left")
        x = xr.DataArray(np.arange(5), {"bins": ("bins", index, {"units": "m"})}, ("bins",))
        result = tp.max_pool(x, {"bins": 2})
        merged = [pd.Interval(min(index[i].left, index[i + 1].left), max(index[i].right, index[i + 1].right), "left")
                  for i in (0, 2)]  # fmt: skip
        assert list(result.indexes["bins"]) == merged
        assert result.sel(bins=merged[1]) == 3
        assert result.bins.attrs == {"units": "m"}


def test_labels_are_those_of_the_first_cell() -> None:
    x = xr.DataArray(np.arange(5), {"name": ("name", list("abcde")), "group": ("name", np.array(["q"] * 5, object))},
                     ("name",))  # fmt: skip
    result = tp.max_pool(x, {"name": 2})
    assert result["name"].values.tolist() == ["a", "c"]
    assert result.sel(name="c") == 3
    assert result.group.values.tolist() == ["q", "q"]
    assert tp.max_pool(x, {"name": 3}, 2, 1)["name"].values.tolist() == ["a", "b", "d"]
    stacked = field((2, 3, 4)).stack(place=("lat", "lon"))
    assert set(tp.max_pool(stacked, {"place": 2}).coords) == {"time"}
    assert tp.max_pool(stacked, {"place": 1}).identical(stacked)
    assert tp.max_pool(stacked, {"time": 2}).indexes["place"].equals(stacked.indexes["place"])


def test_results_are_independent_of_what_was_pooled() -> None:
    x = field()
    before = x.copy(deep=True)
    values, indices = tp.max_pool(x, {"lat": 3}, 1, "same", return_indices=True)
    for part in (values, indices):
        part.attrs["units"] = part.lat.attrs["units"] = part.time.attrs["calendar"] = "another"
        part.encoding["dtype"] = "other"
        part.coords["more"] = 1
        part.data[...] = 0
        x.identical(before)
    assert x.identical(before)
    assert x.encoding == before.encoding
    assert x.lat.attrs == x.time.attrs == {}
    assert "calendar" not in tp.max_pool(x, {"lat": 3}).time.attrs
    bare = xr.DataArray(np.zeros((4, 6)), dims=("y", "x"), attrs={"bounds": [0, 0, 4, 6]})  # of a map, say
    assert tp.max_pool(bare, {"x": 2}).identical(bare[:, :3])


# ---- datasets --------------------------------------------------------------------------------------------------------


def test_datasets() -> None:
    x = field()
    edges = np.arange(11.0)
    ds = xr.Dataset(
        {
            "t": x, "sst": (("lon", "lat"), x.values[0].T), "count": x.notnull(), "index": ("time", [1, 2, 3]),
            "crs": 0, "area": ("lat", edges[1:]), "names": (("lat", "lon"), np.full((10, 12), "sea")),
            "lat_bnds": (("lat", "bnds"), np.stack([edges[:-1], edges[1:]], 1)),
        },
        attrs={"title": "a field"},
    )  # fmt: skip
    ds.lat.attrs["bounds"] = "lat_bnds"
    ds.encoding = {"unlimited_dims": {"time"}}
    left = r"^variables without numbers, or without all .* \('lon', 'lat'\), were left out: \['area', 'names'\]$"
    with pytest.warns(UserWarning, match=left) as caught:
        result = tp.avg_pool(ds, {"lon": 3, "lat": 2}, nan_policy="omit", min_count=2)
    assert caught[0].filename == __file__
    assert list(result.data_vars) == ["t", "sst", "count", "index", "crs", "lat_bnds"]
    for name in ("t", "sst", "count"):
        alone = tp.avg_pool(ds[name], {"lat": 2, "lon": 3}, nan_policy="omit", min_count=2)
        assert result[name].identical(alone)
        assert result[name].encoding == alone.encoding
    assert result.lat_bnds.values.tolist() == [[n, n + 2] for n in range(0, 10, 2)]
    assert result["index"].identical(ds["index"])
    assert (result.attrs, result.encoding) == (ds.attrs, ds.encoding)

    rolled = tp.max_pool(ds, 3, 1, "same", axis=("lat", "lon"))  # nothing is left: every dimension stays as it is
    assert list(rolled.data_vars) == list(ds.data_vars)
    assert rolled.names.identical(ds.names)
    numbers = ds[["t", "sst"]]
    values, indices = tp.max_pool(numbers, {"lat": 2, "lon": 2}, return_indices=True)
    assert indices.t.values.tolist() == tp.max_pool(x.values, 2, axis=(1, 2), return_indices=True)[1].tolist()
    assert indices.lat.identical(values.lat)
    *pooled, points = tp.fractional_max_pool(numbers, output_size={"lon": 5, "lat": 4}, rng=3, return_boundaries=True)
    for name in numbers:  # the same windows for all, and those of the points
        again = tp.fractional_max_pool(numbers[name], boundaries=dict(zip(("lat", "lon"), points, strict=True)))
        assert pooled[0][name].identical(again)
    mask = numbers.notnull()
    assert tp.max_pool(numbers, {"lat": 2}, mask=mask).identical(tp.max_pool(numbers, {"lat": 2}, nan_policy="omit"))


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


def as_tuple(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


# ---- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 2}, r"the pooled dimensions of x, which has \('time', 'lat', 'lon'\), must be named: pass "),
        ({"kernel_size": {"level": 2}}, r"sizes by dimension must name .* of x, which are .*'lon'\), not 'level'"),
        ({"kernel_size": {0: 2}}, "sizes by dimension must name dimensions of x, which are .*, not 0"),
        ({"kernel_size": {}}, "sizes by dimension must name at least one, not {}"),
        ({"kernel_size": 2, "axis": "level"}, "axis must name dimensions of x, which are .*, not 'level'"),
        ({"kernel_size": 2, "axis": ("lat", "lat")}, "duplicate value in 'axis'"),
        ({"kernel_size": 2, "axis": ()}, "axis must name at least one axis"),
        ({"kernel_size": 2, "stride": {"lat": 2}}, "axis must be given where stride is by dimension"),
        ({"kernel_size": {"lat": 2}, "stride": {"time": 2}}, r"stride must be of pooled .* \('lat',\), not of 'time'"),
        ({"kernel_size": {"lat": 2}, "axis": ("lat", "lon")}, "kernel_size must have a value for each of the pooled "),
        ({"kernel_size": {"lat": 2}, "dilation": {"level": 1}}, "dilation must name dimensions of x"),
        ({"kernel_size": {"lat": 0}}, r"kernel_size must be positive, not \(0,\)"),
        ({"kernel_size": {"lat": 99}}, r"kernel_size \(99,\) is larger than the padded input \(10,\)"),
    ],
)  # fmt: skip
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        tp.max_pool(field(), **options)


def test_errors_of_kinds() -> None:
    x = field()
    with pytest.raises(TypeError, match=r"^padding of a dimension must be an integer or .* pair, not 'same'"):
        tp.max_pool(x, {"lat": 2}, padding={"lat": "same"})
    with pytest.raises(TypeError, match=r"^out must be None where x is a DataArray, not 3: pass x.values as x$"):
        tp.max_pool(x, {"lat": 2}, out=3)
    with pytest.raises(TypeError, match="multiple values for argument 'kernel_size'"):
        tp.max_pool(x, {"lat": 2}, kernel_size=2)
    with pytest.raises(TypeError, match="kernel_size"):
        tp.max_pool(x)
    with pytest.raises(TypeError, match=r"^kernel_size must be an integer or a tuple of integers, not 2.5$"):
        tp.max_pool(x, 2.5, axis=("lat", "lon"), stride={"lat": 2})
    with pytest.raises(TypeError, match="'cake'"):
        tp.max_pool(x, {"lat": 2}, cake=1)
    with pytest.raises(np.exceptions.AxisError, match="axis 3 is out of bounds"):
        tp.max_pool(x, 2, axis=(1, 3))
    with pytest.raises(TypeError, match=r"^x must be a numpy array, not a DataArray of xarray: pass x.values$"):
        tp.max_unpool(x, np.zeros(x.shape, int), 2)
    with pytest.raises(TypeError, match=r"^x must be a numpy array, not a DataArray of xarray: pass x.values$"):
        tp.grad.max_pool(np.zeros((3, 5, 6)), x, 2, axis=("lat", "lon"))
    with pytest.raises(TypeError, match=r"^mask must be a numpy array, not a DataArray of xarray: pass mask.values$"):
        tp.max_pool(x.values, 2, axis=(1, 2), mask=x.notnull())
    ds = x.to_dataset()
    with pytest.raises(ValueError, match=r"^the pooled dimensions of x, .* must be named: pass axis= or a dict$"):
        tp.max_pool(ds, 2, layout="channels_first")
    with pytest.raises(ValueError, match=r"^pooled dimensions must be of x, which has .*, not 1$"):
        tp.max_pool(ds, 2, axis=(1, 2))
    with pytest.raises(ValueError, match=r"^x must have a variable of numbers with all of .* \('lat',\), not"):
        tp.max_pool(ds.astype(str), {"lat": 2})


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
