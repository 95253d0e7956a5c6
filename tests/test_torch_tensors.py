"""Tensors of torch: what numpy arrays give, on the same memory, as tensors. Runs where torch is installed."""

import subprocess
import sys
import warnings
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tilepool
from layouts import whole_numbers

torch: Any = pytest.importorskip("torch")
tp: Any = tilepool  # whose types know arrays alone

DTYPES = ("float16", "bfloat16", "float32", "float64", "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32",
          "int64", "uint64")  # fmt: skip


def tensor_of(x: Any) -> Any:
    bits = x.view(np.int16) if x.dtype == ml_dtypes.bfloat16 else x
    return torch.from_numpy(bits).view(torch.bfloat16) if bits is not x else torch.from_numpy(x)


def array_of(x: Any) -> Any:
    return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16) if x.dtype == torch.bfloat16 else x.numpy()


def agree(ours: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert len(ours) == len(expected)
        for a, b in zip(ours, expected, strict=True):
            agree(a, b)
        return
    assert isinstance(ours, torch.Tensor)
    result = array_of(ours)
    assert (result.dtype, result.shape, result.strides) == (expected.dtype, expected.shape, expected.strides)
    assert result.tobytes() == expected.tobytes()


CALLS: dict[str, Any] = {
    "max": lambda x: tp.max_pool(x, 3, 2, 1),
    "min with indices": lambda x: tp.min_pool(x, 2, return_indices=True, index_dtype="int32"),
    "avg": lambda x: tp.avg_pool(x, 2, axis=(1, 3)),
    "avg of another dtype": lambda x: tp.avg_pool(x, 2, dtype=np.float64),
    "sum": lambda x: tp.sum_pool(x, 2),
    "median": lambda x: tp.median_pool(x, 3),
    "mode": lambda x: tp.mode_pool(x, 2),
    "norm": lambda x: tp.pool(x, 2, "lp", norm_type=2),
    "adaptive": lambda x: tp.adaptive_max_pool(x, (2, 3)),
    "global": lambda x: tp.global_pool(x, keepdims=False),
    "pyramid": lambda x: tp.pyramid_pool(x, [1, 2]),
    "fractional": lambda x: tp.fractional_max_pool(x, output_ratio=0.6, rng=3, return_boundaries=True),
    "stochastic": lambda x: tp.stochastic_pool(x, 2, rng=3, return_indices=True),
    "omitted": lambda x: tp.max_pool(x, 2, nan_policy="omit", min_count=1, threads=1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS)
def test_calls_give_what_they_give_of_arrays(call: str, dtype: str) -> None:
    x = whole_numbers(np.random.default_rng(0), (2, 3, 7, 6), dtype)
    for array in (x, x[:, :, ::2], x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)):
        agree(CALLS[call](tensor_of(array)), CALLS[call](array))


def test_memory_is_shared_and_its_order_kept() -> None:
    x = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8).to(memory_format=torch.channels_last)
    result = tp.max_pool(x, 2)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(result, torch.nn.functional.max_pool2d(x, 2))
    large = torch.zeros(1, 1, 4096, 4096, dtype=torch.bfloat16)
    seen = tp._adapters.torch.array_of(large)  # loaded by the call before
    assert seen.ctypes.data == large.data_ptr()


def test_masks_weights_and_alpha_are_tensors() -> None:
    rng = np.random.default_rng(0)
    x, weights, mask = rng.random((1, 2, 6, 6)), rng.random((6, 6)), rng.random((6, 6)) < 0.7
    tensors = [torch.from_numpy(part) for part in (x, weights, mask)]
    agree(
        tp.avg_pool(tensors[0], 2, weights=tensors[1], mask=tensors[2]), tp.avg_pool(x, 2, weights=weights, mask=mask)
    )
    agree(tp.avg_pool(tensors[0], 2, weights=weights), tp.avg_pool(x, 2, weights=weights))
    alpha = rng.random((2, 1, 1))
    agree(tp.mixed_pool(tensors[0], 2, alpha=torch.from_numpy(alpha)), tp.mixed_pool(x, 2, alpha=alpha))
    agree(tp.sum_pool(tensors[0], 2, dtype=torch.float32), tp.sum_pool(x, 2, dtype="float32"))
    boundaries = (np.array([0, 2, 6]), np.array([0, 3, 6]))
    given = tuple(map(torch.from_numpy, boundaries))
    agree(tp.fractional_avg_pool(tensors[0], boundaries=given), tp.fractional_avg_pool(x, boundaries=boundaries))


def test_max_unpool() -> None:
    x = np.random.default_rng(0).random((2, 3, 6, 6)).astype(np.float32)
    values, indices = tp.max_pool(torch.from_numpy(x), 2, return_indices=True)
    agree(tp.max_unpool(values, indices, 2), tp.max_unpool(values.numpy(), indices.numpy(), 2))
    out = torch.empty(2, 3, 6, 6)
    assert tp.max_unpool(values, indices, 2, out=out) is out


def test_out() -> None:
    x = torch.rand(1, 2, 6, 6)
    out, places = torch.empty(1, 2, 3, 3), torch.empty(1, 2, 3, 3, dtype=torch.int64)
    version = out._version
    assert tp.max_pool(x, 2, out=out) is out
    assert out._version > version  # autograd sees that it was written to
    assert torch.equal(out, tp.max_pool(x, 2))
    assert tp.max_pool(x, 2, return_indices=True, out=(None, places))[1] is places
    half = torch.empty(1, 2, 3, 3, dtype=torch.bfloat16)
    tp.avg_pool(x.to(torch.bfloat16), 2, out=half)
    assert torch.equal(half, tp.avg_pool(x.to(torch.bfloat16), 2))
    with pytest.raises(TypeError, match=r"out must be a tensor where x is one, not array"):
        tp.max_pool(x, 2, out=out.numpy())
    with pytest.raises(ValueError, match=r"out has shape"):
        tp.max_pool(x, 3, out=out)
    with pytest.raises(TypeError, match=r"out must be None where a gradient is needed: pass x.detach\(\)"):
        tp.max_pool(x.requires_grad_(), 2, out=out)


def test_tensors_that_are_refused() -> None:
    x = torch.zeros(1, 1, 4, 4)
    for wrong, words in (
        (x.to("meta"), r"x must be a tensor on the CPU, not on meta: pass x.cpu\(\)"),
        (x.to_sparse(), r"x must be a dense tensor, not torch.sparse_coo: pass x.to_dense\(\)"),
        (x.to(torch.complex64), r"x must be an array of .* not complex64"),
        (x.to(torch.complex64).requires_grad_(), r"x must be a tensor of .* not torch.complex64"),
    ):
        with pytest.raises(TypeError, match=words):
            tp.max_pool(wrong, 2)
    with pytest.raises(TypeError, match=r"mask must be a tensor on the CPU, not on meta"):
        tp.max_pool(x, 2, mask=torch.ones(4, dtype=torch.bool, device="meta"))
    with pytest.raises(TypeError, match=r"mask must be a numpy array, not a Tensor of torch"):
        tp.max_pool(x.numpy(), 2, mask=torch.ones(4, dtype=torch.bool))


def test_views_that_torch_calculates_later() -> None:
    """The imaginary part of a conjugate is a view whose signs are turned when it is read."""
    x = torch.view_as_complex(torch.rand(1, 1, 4, 4, 2)).conj().imag
    assert x.is_neg()
    assert torch.equal(tp.max_pool(x, 2), torch.nn.functional.max_pool2d(x.clone(), 2))


def test_draws_come_from_the_generator_of_torch() -> None:
    x = torch.rand(1, 1, 50, 50)
    for pool, words in (
        (tp.stochastic_pool, {"kernel_size": 2}),
        (tp.fractional_max_pool, {"output_ratio": 0.7}),
        (tp.fractional_avg_pool, {"kernel_size": 3, "output_size": 20}),
    ):
        torch.manual_seed(0)
        first, other = pool(x, **words), pool(x, **words)
        torch.manual_seed(0)
        assert torch.equal(first, pool(x, **words))
        assert not torch.equal(first, other)


WITHOUT = """
import sys
sys.modules["ml_dtypes"] = None
import torch
import tilepool as tp
x = torch.arange(64.0).reshape(1, 1, 8, 8).bfloat16()
assert tp.avg_pool(x, 3, 2, 1).equal(tp.avg_pool(x.float(), 3, 2, 1).bfloat16())
y = x.clone().requires_grad_()
tp.avg_pool(y, 3, 2, 1, count_include_pad=False).sum().backward()
z = x.float().requires_grad_()
tp.avg_pool(z, 3, 2, 1, count_include_pad=False).sum().backward()
assert y.grad.equal(z.grad.bfloat16())
values, indices = tp.max_pool(x, 2, return_indices=True)
assert tp.max_unpool(values, indices, 2).sum() == values.sum()
for call in (lambda: tp.avg_pool(x, 2, mask=x > 3), lambda: tp.mixed_pool(x, 2), lambda: tp.stochastic_pool(x, 2)):
    try:
        call()
    except TypeError as error:
        assert "of bfloat16 needs the package ml_dtypes" in str(error), error
    else:
        raise AssertionError("numpy has calculated with bits")
"""


def test_bfloat16_without_ml_dtypes() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True, timeout=120)


def test_a_subclass_goes_through_torch() -> None:
    """What a tensor of another class means, its class tells: operators reach it."""

    class Own(torch.Tensor):
        pass

    x = torch.rand(1, 1, 4, 4)
    assert torch.equal(tp.max_pool(x.as_subclass(Own), 2).as_subclass(torch.Tensor), tp.max_pool(x, 2))


def test_no_warnings() -> None:
    """numpy and torch warn of memory that one lends the other read-only."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tp.max_pool(torch.zeros(1, 1, 4, 4).expand(2, 1, 4, 4), 2)
