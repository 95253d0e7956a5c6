"""PyTorch, whose rules tilepool promises, gives the same: an oracle that nobody of this project wrote.

Whole numbers, so that sums are exact whatever their order, and averages one correctly rounded division: they are
compared with ==. Runs where torch is installed.
"""

import itertools
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from layouts import FLOATS, whole_numbers

torch: Any = pytest.importorskip("torch")
torch.set_num_threads(1)  # arrays are small
functional: Any = torch.nn.functional

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")  # of these, maxima in two and three dimensions only


def to_torch(x: Array) -> Any:
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(np.ascontiguousarray(x).view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(np.ascontiguousarray(x))


def to_numpy(tensor: Any) -> Array:
    if tensor.dtype == torch.bfloat16:
        return np.asarray(tensor.contiguous().view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
    return np.asarray(tensor.numpy())


def agree(ours: Array, theirs: Any) -> None:
    expected = to_numpy(theirs)
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(ours, expected)


@st.composite
def calls(draw: st.DrawFn, dilated: bool) -> tuple[tuple[int, ...], dict[str, Any]]:
    """A shape of one to three pooled axes behind batch and channel, and windows of which torch takes all."""
    ndim = draw(st.integers(1, 3))
    sizes = [draw(st.integers(1, (40, 14, 8)[ndim - 1])) for _ in range(ndim)]
    kernel = [draw(st.integers(1, min(6, n + 1))) for n in sizes]
    padding = [draw(st.integers(0, k // 2)) for k in kernel]  # torch allows no more
    dilation = [draw(st.integers(1, 3)) if dilated else 1 for _ in sizes]
    ceil_mode = draw(st.booleans())
    for n, k, p, d in zip(sizes, kernel, padding, dilation, strict=True):
        assume(d * (k - 1) + 1 <= n + 2 * p)
    arguments = {
        "kernel_size": tuple(kernel),
        "stride": draw(st.none() | st.tuples(*[st.integers(1, 5)] * ndim)),
        "padding": tuple(padding),
        "ceil_mode": ceil_mode,
    }
    if dilated:
        arguments["dilation"] = tuple(dilation)
    return (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *sizes), arguments


@given(call=calls(dilated=True), dtype=st.sampled_from((*FLOATS, *INTEGERS)), seed=SEEDS)
def test_maxima_and_their_places(call: tuple[tuple[int, ...], dict[str, Any]], dtype: str, seed: int) -> None:
    """With many ties. Of several NaNs torch names the last, tilepool the first: here are none. A window without a cell
    has a place in torch, which is none of its own: here it has -1.
    """
    shape, arguments = call
    assume(dtype in FLOATS or len(shape) > 3)
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    values, indices = tp.max_pool(x, return_indices=True, **arguments)
    pool = getattr(functional, f"max_pool{len(shape) - 2}d")
    expected, places = pool(to_torch(x), return_indices=True, **arguments)
    agree(values, expected)
    somewhere = indices >= 0
    assert np.array_equal(indices[somewhere], to_numpy(places)[somewhere])


@given(call=calls(dilated=True), dtype=st.sampled_from(FLOATS), seed=SEEDS)
def test_maxima_beside_nan(call: tuple[tuple[int, ...], dict[str, Any]], dtype: str, seed: int) -> None:
    shape, arguments = call
    rng = np.random.default_rng(seed)
    x = whole_numbers(rng, shape, dtype)
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    expected = to_numpy(getattr(functional, f"max_pool{len(shape) - 2}d")(to_torch(x), **arguments))
    assert np.array_equal(tp.max_pool(x, **arguments), expected, equal_nan=True)


@given(
    call=calls(dilated=False),
    dtype=st.sampled_from(FLOATS),
    seed=SEEDS,
    count_include_pad=st.booleans(),
    divisor=st.none() | st.integers(-9, 9).filter(bool),
)
def test_averages(
    call: tuple[tuple[int, ...], dict[str, Any]], dtype: str, seed: int, count_include_pad: bool, divisor: int | None
) -> None:
    shape, arguments = call
    if len(shape) == 5:  # torch has averages in three dimensions of these only, and wants room for a window in x
        assume(dtype in ("float32", "float64"))
        assume(all(k <= n for k, n in zip(arguments["kernel_size"], shape[2:], strict=True)))
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    arguments = arguments | {"count_include_pad": count_include_pad}
    if len(shape) > 3:
        arguments["divisor_override"] = divisor
    agree(tp.avg_pool(x, **arguments), getattr(functional, f"avg_pool{len(shape) - 2}d")(to_torch(x), **arguments))


@given(data=st.data(), ndim=st.integers(1, 3), dtype=st.sampled_from(FLOATS), seed=SEEDS)
def test_adaptive_windows(data: st.DataObject, ndim: int, dtype: str, seed: int) -> None:
    shape = (2, 3, *(data.draw(st.integers(1, (40, 14, 8)[ndim - 1])) for _ in range(ndim)))
    outputs = tuple(data.draw(st.integers(1, n + 2)) for n in shape[2:])
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    expected, places = getattr(functional, f"adaptive_max_pool{ndim}d")(to_torch(x), outputs, return_indices=True)
    values, indices = tp.adaptive_pool(x, outputs, "max", return_indices=True)
    agree(values, expected)
    agree(indices, places)
    if ndim == 3 and dtype in ("float16", "bfloat16"):
        return  # torch sums them as 16-bit floats
    average = to_numpy(getattr(functional, f"adaptive_avg_pool{ndim}d")(to_torch(x), outputs))
    result = tp.adaptive_avg_pool(x, outputs)
    assert result.dtype == average.dtype
    # torch divides by the size of each axis in turn, and rounds each quotient: ndim roundings there, and one here.
    rtol = (ndim + 2) * float(reference.finfo(dtype).eps) / 2
    np.testing.assert_allclose(result.astype(np.float64), average.astype(np.float64), rtol=rtol, atol=0)


@given(call=calls(dilated=False), seed=SEEDS)
def test_the_way_back(call: tuple[tuple[int, ...], dict[str, Any]], seed: int) -> None:
    """Distinct numbers, so that windows that share their maximum agree about its place."""
    shape, arguments = call
    size = shape[2:]
    x = np.random.default_rng(seed).permutation(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    values, indices = tp.max_pool(x, return_indices=True, **arguments)
    unpool = getattr(functional, f"max_unpool{len(size)}d")
    words = {name: arguments[name] for name in ("kernel_size", "stride", "padding")}
    try:
        expected = unpool(torch.from_numpy(values), torch.from_numpy(indices), output_size=size, **words)
    except ValueError:  # torch refuses sizes that the stride alone does not explain, such as those of ceil_mode
        assume(False)
    agree(tp.max_unpool(values, indices, output_size=size, **words), expected)


@settings(max_examples=100)
@given(
    call=calls(dilated=False),
    norm=st.sampled_from((1.0, 2.0, 3.0, 4.0)),
    dtype=st.sampled_from(("float32", "float64")),
    seed=SEEDS,
)
def test_norms(call: tuple[tuple[int, ...], dict[str, Any]], norm: float, dtype: str, seed: int) -> None:
    """Of positive numbers: torch raises to the power before it takes magnitudes. It takes no padding here, and with
    ceil_mode scales what hangs over.

    torch rounds each of up to n = 216 powers and of their sums (n + 2 units in all, divided by the norm), the average
    that it makes of them and the root: within n + 6 units.
    """
    shape, arguments = call
    assume(not any(arguments["padding"]) and not arguments["ceil_mode"])
    x = 1 + np.abs(whole_numbers(np.random.default_rng(seed), shape, dtype))
    words = {name: arguments[name] for name in ("kernel_size", "stride")}
    if len(shape) == 3:  # torch takes no tuple here
        words["kernel_size"] = words["kernel_size"][0]
    expected = to_numpy(getattr(functional, f"lp_pool{len(shape) - 2}d")(to_torch(x), norm, **words))
    result = tp.lp_pool(x, norm, **words)
    assert result.dtype == expected.dtype
    units = (np.prod(words["kernel_size"]) + 6) * np.finfo(x.dtype).eps / 2
    np.testing.assert_allclose(result, expected, rtol=units, atol=0)


@settings(max_examples=100)
@given(data=st.data(), ndim=st.sampled_from((2, 3)), seed=SEEDS)
def test_fractional_windows(data: st.DataObject, ndim: int, seed: int) -> None:
    """torch is given the random numbers and says where it found the maxima of an increasing array: at the last cells of
    its windows, from which their first ones follow.
    """
    sizes = [data.draw(st.integers(2, 9)) for _ in range(ndim)]
    kernel = [data.draw(st.integers(1, n - 1)) for n in sizes]
    outputs = [data.draw(st.integers(1, n - k)) for n, k in zip(sizes, kernel, strict=True)]  # torch allows no more
    x = np.arange(np.prod(sizes), dtype=np.float64).reshape(1, 1, *sizes)
    samples = torch.rand(1, 1, ndim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    pool = getattr(functional, f"fractional_max_pool{ndim}d")
    expected = pool(torch.from_numpy(x), kernel, output_size=outputs, _random_samples=samples)
    last = np.unravel_index(expected.numpy().astype(int)[0, 0], sizes)
    lines = [np.moveaxis(cells, axis, 0).reshape(outputs[axis], -1)[:, 0] for axis, cells in enumerate(last)]
    starts = [(line - k + 1).tolist() for line, k in zip(lines, kernel, strict=True)]
    assume(all(a < b for line in starts for a, b in itertools.pairwise(line)))
    shuffled = whole_numbers(np.random.default_rng(seed), x.shape, "float64")
    expected = pool(torch.from_numpy(shuffled), kernel, output_size=outputs, _random_samples=samples)
    agree(np.asarray(tp.fractional_max_pool(shuffled, tuple(kernel), boundaries=tuple(starts))), expected)
