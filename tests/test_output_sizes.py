"""How many outputs there are, and along which axes, on every instruction set."""

from typing import Any

import numpy as np
import pytest

import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS
from layouts import line

pytestmark = pytest.mark.usefixtures("isa")


# ---- output size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "arguments", "outputs", "outputs_with_ceil"),
    [
        (5, {"kernel_size": 2}, 2, 3),
        (5, {"kernel_size": 5}, 1, 1),
        (5, {"kernel_size": 1}, 5, 5),
        (5, {"kernel_size": 1, "stride": 7}, 1, 1),  # a second window would start behind the input
        (5, {"kernel_size": 2, "stride": 100}, 1, 1),
        (5, {"kernel_size": 2, "stride": 2**62}, 1, 1),
        (7, {"kernel_size": 3, "stride": 2, "padding": 1}, 4, 4),
        (6, {"kernel_size": 3, "stride": 2, "padding": 1}, 3, 4),
        (2, {"kernel_size": 3, "stride": 3, "padding": 1}, 1, 1),  # the second would start in the padding: dropped
        (4, {"kernel_size": 2, "stride": 4, "padding": ((0, 1),)}, 1, 1),  # likewise, at the first cell behind
        (5, {"kernel_size": 2, "stride": 4, "padding": ((0, 1),)}, 2, 2),
        (9, {"kernel_size": 3, "stride": 2, "dilation": 2}, 3, 3),
        (10, {"kernel_size": 3, "stride": 2, "dilation": 2}, 3, 4),
        (3, {"kernel_size": 4, "stride": 2}, None, 1),  # larger than the input, and still one with ceil, as in PyTorch
        (3, {"kernel_size": 6, "stride": 2}, None, None),
        (1, {"kernel_size": 3, "padding": 2, "stride": 1}, 3, 3),
        (7, {"kernel_size": 4, "stride": 3, "padding": "same"}, 3, 3),
        (7, {"kernel_size": 2, "stride": 3, "padding": "same_lower"}, 3, 3),
        (7, {"kernel_size": 2, "stride": 9, "padding": "same"}, 1, 1),
    ],
)
@pytest.mark.parametrize("op", OPS)
def test_output_size(
    op: str, n: int, arguments: dict[str, Any], outputs: int | None, outputs_with_ceil: int | None
) -> None:
    for ceil_mode, expected in ((False, outputs), (True, outputs_with_ceil)):
        if expected is None:
            with pytest.raises(ValueError, match=r"kernel_size .* is larger than the padded input"):
                FUNCTIONS[op](line(n), axis=0, ceil_mode=ceil_mode, **arguments)
        else:
            assert FUNCTIONS[op](line(n), axis=0, ceil_mode=ceil_mode, **arguments).shape == (expected,)


@pytest.mark.parametrize("op", OPS)
def test_kernel_1_copies(op: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 7)).astype("float32")
    result = FUNCTIONS[op](x, 1)
    assert np.array_equal(result, x)
    assert not np.shares_memory(result, x)


def test_the_kernel_is_the_default_stride() -> None:
    assert tp.max_pool(line(12), 3, axis=0).tolist() == [3, 6, 9, 12]
    assert tp.max_pool(np.arange(12).reshape(2, 6), (1, 3), axis=(0, 1)).tolist() == [[2, 5], [8, 11]]


# ---- empty axes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_empty_axes(op: str) -> None:
    for shape, result in (((0, 3, 4, 4), (0, 3, 2, 2)), ((2, 0, 4, 4), (2, 0, 2, 2)), ((0, 0, 4, 4), (0, 0, 2, 2))):
        assert FUNCTIONS[op](np.zeros(shape), 2).shape == result
        assert FUNCTIONS[op](np.zeros(shape, np.uint8), 2, out=None, threads=2).shape == result
    for shape in ((2, 3, 0, 4), (2, 3, 4, 0), (0, 3, 4, 0)):
        with pytest.raises(ValueError, match=r"pooled axis|pooled axes"):
            FUNCTIONS[op](np.zeros(shape), 2)
    with pytest.raises(ValueError, match=r"pooled axis|pooled axes"):
        FUNCTIONS[op](np.zeros(0), 1, axis=0)


# ---- which axes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_layouts_are_choices_of_axes(op: str) -> None:
    pool = FUNCTIONS[op]
    for ndim in (3, 4, 5, 6):
        x = np.random.default_rng(ndim).integers(0, 99, (2, 3, 4, 5, 4, 3)[:ndim])
        assert np.array_equal(pool(x, 2, 1), pool(x, 2, 1, axis=tuple(range(2, ndim))))
        last = pool(x, 2, 1, layout="channels_last")
        assert np.array_equal(last, pool(x, 2, 1, axis=tuple(range(1, ndim - 1))))
        assert np.array_equal(pool(x, 2, 1, layout="channels_last", axis=0), pool(x, 2, 1, axis=[0]))
        assert np.array_equal(pool(x, 2, axis=-1), pool(x, 2, axis=np.int64(ndim - 1)))


def test_arguments_follow_the_axes_as_named() -> None:
    x = np.arange(4 * 6 * 3).reshape(4, 6, 3)
    one = tp.max_pool(x, (2, 3), (1, 2), ((1, 0), (0, 2)), (2, 1), axis=(0, 1))
    other = tp.max_pool(x, (3, 2), (2, 1), ((0, 2), (1, 0)), (1, 2), axis=(1, -3))
    assert one.shape == (3, 3, 3)
    assert np.array_equal(one, other)


@pytest.mark.parametrize("op", EXACT_OPS)
def test_as_many_axes_as_numpy_has(op: str) -> None:
    """32 in numpy 1, 64 in numpy 2."""
    most = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32
    x = np.arange(2**6).reshape((2,) * 6 + (1,) * (most - 6))
    axis = tuple(range(most))
    assert FUNCTIONS[op](x, (2,) * 6 + (1,) * (most - 6), axis=axis).ravel().tolist() == [63 if op == "max" else 0]
    assert np.array_equal(FUNCTIONS[op](x, 1, axis=axis), x)
