"""float16 and bfloat16: summed as float32, rounded once, and kept as they are, on every instruction set."""

import numpy as np
import pytest

import reference
import tilepool as tp
from agreement import FUNCTIONS, OPS

# ml_dtypes warns of NaN that signals, whatever is asked of it.
pytestmark = [pytest.mark.usefixtures("isa"), pytest.mark.filterwarnings("ignore:invalid value encountered")]


@pytest.mark.parametrize(("dtype", "one_more", "places"), [("float16", 2048, 11), ("bfloat16", 256, 8)])
def test_16_bit_floats_are_summed_as_float32_and_rounded_once(dtype: str, one_more: int, places: int) -> None:
    """With sums in the type itself these would stay at 2048 and 256."""
    x = np.array([one_more, 1, 1, 1, 1], dtype)
    assert tp.sum_pool(x, 5, axis=0).tolist() == [one_more + 4]
    assert tp.sum_pool(x, 2, 1, axis=0).tolist() == [one_more, 2, 2, 2]  # a half goes to the even one
    assert tp.avg_pool(x[1:3] + np.array([0, 2.0 ** (1 - places)], dtype), 2, axis=0).tolist() == [1]
    largest = reference.finfo(dtype).max
    assert tp.sum_pool(np.array([largest, largest], dtype), 2, axis=0).tolist() == [np.inf]
    assert tp.avg_pool(np.array([largest, -largest], dtype), 2, axis=0).tolist() == [0]


def test_sums_beyond_float16_come_back() -> None:
    """Twice the largest float16 is a float32. Twice the largest bfloat16 is none: its range is that of float32."""
    largest = float(reference.finfo("float16").max)
    assert tp.sum_pool(np.array([largest, largest, -largest], "float16"), 3, axis=0).tolist() == [largest]
    half = float(reference.finfo("bfloat16").max) / 2
    assert tp.sum_pool(np.array([half, half, -half], "bfloat16"), 3, axis=0).tolist() == [half]
    assert tp.avg_pool(np.array([half, half], "bfloat16"), 2, axis=0).tolist() == [half]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("op", ["sum", "avg"])
def test_every_16_bit_float_is_read_and_written_exactly(op: str, dtype: str) -> None:
    """All patterns of bits, alone in their window: also denormals and infinities. Any NaN becomes the same one."""
    bits = np.arange(2**16, dtype=np.uint16)
    x = bits.view(dtype)
    for count in (2**16, 37):  # whole vectors, and tails
        result = FUNCTIONS[op](x[-count:], 1, axis=0)
        nan = np.isnan(x[-count:])
        expected = np.where(nan, np.array(np.nan, dtype).view(np.uint16) & 0x7FFF, bits[-count:])
        assert np.array_equal(result.view(np.uint16), expected)


@pytest.mark.parametrize(("dtype", "places", "exponents"), [("float16", 11, (-24, 17)), ("bfloat16", 8, (-133, 128))])
def test_sums_are_rounded_to_the_nearest_16_bit_float(dtype: str, places: int, exponents: tuple[int, int]) -> None:
    """Numbers and powers of two near half of the step to the next number: many of the sums are ties."""
    rng = np.random.default_rng(0)
    exponent = rng.integers(*exponents, 20_000)
    with np.errstate(over="ignore"):
        large = np.ldexp(rng.uniform(-1, 1, 20_000), exponent).astype(dtype)
        exponent += rng.integers(-3, 3, 20_000) - places
        small = np.ldexp(rng.choice((-1.0, 1.0), 20_000), exponent).astype(dtype)
        expected = (large.astype(np.float32) + small.astype(np.float32)).astype(dtype)
    x = np.stack([large, small], 1)
    assert np.array_equal(tp.sum_pool(x, 2, axis=1)[:, 0], expected)
    assert np.array_equal(tp.sum_pool(np.ascontiguousarray(x.T), 2, axis=0)[0], expected)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_of_the_result_is_that_of_x(dtype: str, op: str) -> None:
    x = np.arange(12).astype(dtype).reshape(3, 4)
    for view in (x, x.T, x[:, ::2], x.astype(x.dtype.newbyteorder("S"))):
        result = FUNCTIONS[op](view, 2, axis=(0, 1))
        assert result.dtype == np.dtype(dtype)
        assert type(result[0, 0]) is type(x[0, 0])
        out = np.zeros(result.shape, dtype)
        assert FUNCTIONS[op](view, 2, axis=(0, 1), out=out) is out
        assert np.array_equal(out, result)
        wide = np.zeros(result.shape, np.float32)
        assert FUNCTIONS[op](view, 2, axis=(0, 1), out=wide) is wide
        assert np.array_equal(wide, result.astype(np.float32))
        for other in ("uint16", "int16", "bool"):  # of the same bytes, but another meaning
            with pytest.raises(TypeError, match=r"^out must have a dtype"):
                FUNCTIONS[op](view, 2, axis=(0, 1), out=np.zeros(result.shape, other))
