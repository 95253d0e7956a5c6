"""Named arrays: coordinates as `coarsen` makes them, of every kind, over windows that it has not as well."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilepool as tp
from named_arrays import field, pd, xr


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
