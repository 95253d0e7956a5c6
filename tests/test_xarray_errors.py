"""Named arrays: what is refused, in the words of names."""

from typing import Any

import numpy as np
import pytest

import tilepool as tp
from named_arrays import field


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
