"""Named arrays: Datasets, variable by variable, and results that share nothing with what was pooled."""

import numpy as np
import pytest

import tilepool as tp
from named_arrays import field, xr


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


def test_results_are_independent_of_what_was_pooled() -> None:
    x = field()
    before = x.copy(deep=True)
    values, indices = tp.max_pool(x, {"lat": 3}, 1, "same", return_indices=True)
    for part in (values, indices):
        part.attrs["units"] = part.lat.attrs["units"] = part.time.attrs["calendar"] = "another"
        part.encoding["dtype"] = "other"
        part.coords["more"] = 1
        part.data[...] = 0
        assert x.identical(before)
    assert x.encoding == before.encoding
    assert x.lat.attrs == x.time.attrs == {}
    assert "calendar" not in tp.max_pool(x, {"lat": 3}).time.attrs
    bare = xr.DataArray(np.zeros((4, 6)), dims=("y", "x"), attrs={"bounds": [0, 0, 4, 6]})  # of a map, say
    assert tp.max_pool(bare, {"x": 2}).identical(bare[:, :3])
