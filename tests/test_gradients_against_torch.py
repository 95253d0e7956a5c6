"""PyTorch's autograd gives the same where its rules are the same: an oracle that nobody of this project wrote.

g is whole, so that sums of it are exact whatever their order. Runs where torch is installed.
"""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp

torch: Any = pytest.importorskip("torch")
from test_against_torch import SEEDS, calls, to_numpy, to_torch  # noqa: E402 # which asks for torch, too

functional: Any = torch.nn.functional
grad: Any = vars(tp)["grad"]

Array = NDArray[Any]
Call = tuple[tuple[int, ...], dict[str, Any]]


def theirs(function: Any, g: Array | None, x: Array, *arguments: Any, **words: Any) -> tuple[Array, Array]:
    """A g that fits, and the gradient by autograd."""
    leaf = to_torch(x).requires_grad_()
    y = function(leaf, *arguments, **words)
    g = np.random.default_rng(x.size).integers(-4, 5, tuple(y.shape)).astype(x.dtype) if g is None else g
    y.backward(to_torch(g))
    return g, to_numpy(leaf.grad)


def equal(ours: Array, expected: Array) -> None:
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(ours, expected)


def near(ours: Array, expected: Array, units: float, scale: Array) -> None:
    """Within so many units of the sizes of what was added up."""
    assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype)
    bound = units * float(reference.finfo(ours.dtype).eps) / 2 * scale.astype(np.float64)
    assert (np.abs(ours.astype(np.float64) - expected.astype(np.float64)) <= bound).all()


@given(call=calls(dilated=True), dtype=st.sampled_from(("float16", "float32", "float64")), seed=SEEDS)
def test_maxima(call: Call, dtype: str, seed: int) -> None:
    """With many ties, of which both take the first. torch puts what a window without cells has into some cell, and adds
    up 16-bit floats in 16 bits: at most 6 * 6 * 6 windows times 4 are exact in float16, not in bfloat16.
    """
    shape, arguments = call
    x = np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)
    indices = tp.max_pool(x, return_indices=True, **arguments)[1]
    assume((indices >= 0).all())
    g, expected = theirs(getattr(functional, f"max_pool{len(shape) - 2}d"), None, x, **arguments)
    equal(grad.max_pool(g, x, **arguments), expected)
    equal(grad.max_pool(g, x, indices=indices, **arguments), expected)


@given(
    call=calls(dilated=False),
    dtype=st.sampled_from(("float32", "float64")),
    seed=SEEDS,
    count_include_pad=st.booleans(),
    divisor=st.none() | st.integers(-9, 9).filter(bool),
)
def test_averages(call: Call, dtype: str, seed: int, count_include_pad: bool, divisor: int | None) -> None:
    """Up to n = 216 windows of a cell: as many quotients and additions, here and there."""
    shape, arguments = call
    if len(shape) == 5:  # torch wants room for a window in x
        assume(all(k <= n for k, n in zip(arguments["kernel_size"], shape[2:], strict=True)))
    x = np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)
    words = {**arguments, "count_include_pad": count_include_pad}
    if len(shape) > 3:
        words["divisor_override"] = divisor
    g, expected = theirs(getattr(functional, f"avg_pool{len(shape) - 2}d"), None, x, **words)
    sizes = grad.avg_pool(
        np.abs(g), x, **{**words, "divisor_override": abs(divisor) if divisor and len(shape) > 3 else None}
    )
    windows = grad.sum_pool(np.ones(g.shape), x, **arguments)
    near(grad.avg_pool(g, x, **words), expected, 2 * (np.max(windows) + 3), sizes)


@given(data=st.data(), ndim=st.integers(1, 3), dtype=st.sampled_from(("float32", "float64")), seed=SEEDS)
def test_adaptive_windows(data: st.DataObject, ndim: int, dtype: str, seed: int) -> None:
    shape = (2, 3, *(data.draw(st.integers(1, (40, 14, 8)[ndim - 1])) for _ in range(ndim)))
    outputs = tuple(data.draw(st.integers(1, n + 2)) for n in shape[2:])
    x = np.random.default_rng(seed).integers(-9, 10, shape).astype(dtype)
    words = {"return_indices": True}
    g, expected = theirs(lambda x: getattr(functional, f"adaptive_max_pool{ndim}d")(x, outputs, **words)[0], None, x)
    equal(grad.adaptive_max_pool(g, x, outputs), expected)
    _, expected = theirs(getattr(functional, f"adaptive_avg_pool{ndim}d"), g, x, outputs)
    sizes, windows = grad.adaptive_avg_pool(np.abs(g), x, outputs), grad.adaptive_sum_pool(np.ones(g.shape), x, outputs)
    # torch divides by the size of each axis in turn.
    near(grad.adaptive_avg_pool(g, x, outputs), expected, 2 * (np.max(windows) + 3 + ndim), sizes)


@given(
    call=calls(dilated=False),
    norm=st.sampled_from((1.0, 2.0, 3.0)),
    dtype=st.sampled_from(("float32", "float64")),
    seed=SEEDS,
)
def test_norms(call: Call, norm: float, dtype: str, seed: int) -> None:
    """Of positive numbers, without padding and ceil_mode, as in tests/test_against_torch.py.

    torch rounds each of up to n = 216 powers and their sum (n + 6 units in all), raises that to 1 / p - 1 (which no p
    here makes more of), and multiplies by a power of the cell and by g; then it adds up as many windows.
    """
    shape, arguments = call
    assume(not any(arguments["padding"]) and not arguments["ceil_mode"])
    x = np.random.default_rng(seed).integers(1, 65, shape).astype(dtype)
    words = {name: arguments[name] for name in ("kernel_size", "stride")}
    if len(shape) == 3:  # torch takes no tuple here
        words["kernel_size"] = words["kernel_size"][0]
    g, expected = theirs(getattr(functional, f"lp_pool{len(shape) - 2}d"), None, x, norm, **words)
    taps = int(np.prod(words["kernel_size"]))
    sizes = grad.lp_pool(np.abs(g), x, norm, **words)
    windows = grad.sum_pool(np.ones(g.shape), x, **words)
    near(grad.lp_pool(g, x, norm, **words), expected, 2 * (norm * (taps + 6) + np.max(windows) + 6), sizes)


@given(data=st.data(), ndim=st.sampled_from((2, 3)), seed=SEEDS)
def test_fractional_windows(data: st.DataObject, ndim: int, seed: int) -> None:
    """Windows that torch has drawn, which their maxima tell: see tests/test_against_torch.py."""
    sizes = [data.draw(st.integers(2, 9)) for _ in range(ndim)]
    kernel = [data.draw(st.integers(1, n - 1)) for n in sizes]
    outputs = [data.draw(st.integers(1, n - k)) for n, k in zip(sizes, kernel, strict=True)]
    samples = torch.rand(1, 1, ndim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    pool = getattr(functional, f"fractional_max_pool{ndim}d")
    rising = np.arange(np.prod(sizes), dtype=np.float64).reshape(1, 1, *sizes)
    last = np.unravel_index(
        to_numpy(pool(to_torch(rising), kernel, output_size=outputs, _random_samples=samples)).astype(int)[0, 0], sizes
    )
    lines = [np.moveaxis(cells, axis, 0).reshape(outputs[axis], -1)[:, 0] for axis, cells in enumerate(last)]
    starts = tuple((line - k + 1).tolist() for line, k in zip(lines, kernel, strict=True))
    assume(all(a < b for line in starts for a, b in itertools.pairwise(line)))
    x = np.random.default_rng(seed).permutation(rising.ravel()).reshape(rising.shape)
    g, expected = theirs(pool, None, x, kernel, output_size=outputs, _random_samples=samples)
    equal(grad.fractional_max_pool(g, x, tuple(kernel), boundaries=starts), expected)
