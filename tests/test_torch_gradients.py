"""Tensors of torch that need a gradient, and calls that torch batches, compiles and exports. Runs where torch is."""

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilepool
from rounding_errors import additions, assert_close, error, gradient_of_norm, power_sum

torch: Any = pytest.importorskip("torch")
tp: Any = tilepool  # whose types know arrays alone
from tilepool._adapters.torch_gradients import FUNCTIONAL  # noqa: E402 # where torch is
from tilepool._adapters.torch_operators import SCHEMAS  # noqa: E402

Call = Callable[[Any], Any]
SHAPE = (2, 2, 5, 6)
MASK = torch.arange(6) % 3 > 0
WEIGHTS = torch.arange(1.0, 7.0, dtype=torch.float64)  # gradcheck wants float64
CALLS: dict[str, Call] = {
    "max": lambda x: tp.max_pool(x, 3, 2, 1),
    "max with indices": lambda x: tp.max_pool(x, 3, 2, 1, return_indices=True, index_dtype="int32")[0],
    "min, channels last": lambda x: tp.min_pool(x, 2, layout="channels_last"),
    "max of other axes": lambda x: tp.max_pool(x, 2, axis=(3, 1)),
    "max of many taps": lambda x: tp.max_pool(x.repeat(1, 8, 1, 1), 5, 1, 2),
    "avg": lambda x: tp.avg_pool(x, 3, 2, 1, count_include_pad=False),
    "avg with mask": lambda x: tp.avg_pool(x, 2, mask=MASK),
    "avg with weights": lambda x: tp.avg_pool(x, 2, weights=WEIGHTS),
    "avg to float32 and back": lambda x: tp.avg_pool(x, 2, dtype="float64"),
    "sum": lambda x: tp.sum_pool(x, (2, 3), dilation=2),
    "norm": lambda x: tp.lp_pool(x, 3, 2, 1),
    "norm by name": lambda x: tp.pool(x, 2, "lp", norm_type=2.5),
    "adaptive max": lambda x: tp.adaptive_max_pool(x, (2, 3)),
    "adaptive avg": lambda x: tp.adaptive_avg_pool(x, (2, 3)),
    "global max": lambda x: tp.global_pool(x, "max", keepdims=False),
    "global norm": lambda x: tp.global_pool(x, "lp", norm_type=2, keepdims=False),
    "global avg": lambda x: tp.global_pool(x, axis=(0, 2)),
    "global sum": lambda x: tp.global_pool(x, "sum", keepdims=False),
    "adaptive avg to one": lambda x: tp.adaptive_avg_pool(x, 1),
    "pyramid of max": lambda x: tp.pyramid_pool(x, [1, 2]),
    "pyramid of avg": lambda x: tp.pyramid_pool(x, [1, 2], "avg"),
    "fractional max": lambda x: tp.fractional_max_pool(x, 2, output_size=(3, 2), rng=3),
    "fractional max, given": lambda x: tp.fractional_max_pool(x, boundaries=([0, 2, 3], [0, 1, 4])),
    "fractional avg, given": lambda x: tp.fractional_avg_pool(x, boundaries=([0, 2, 3], [0, 1, 4])),
}


NORMS = {"norm": (3, 4), "norm by name": (2.5, 4), "global norm": (2, 30)}  # p, and taps


def inputs(*shape: int) -> Any:
    """No two cells are equal, nor so near that a finite difference would make them change places. They are multiples of
    a power of two, exact in float32, as their products and sums are in float64.
    """
    count = torch.Size(shape).numel()
    cells = torch.randperm(count, generator=torch.Generator().manual_seed(0)) - count / 2 + 0.25
    return (cells.double() / 2 ** count.bit_length()).reshape(shape)


@pytest.mark.parametrize("call", CALLS)
def test_gradients_of_any_order(call: str) -> None:
    x = inputs(*SHAPE).requires_grad_()
    assert torch.autograd.gradcheck(CALLS[call], (x,))
    assert torch.autograd.gradgradcheck(CALLS[call], (x,))


@pytest.mark.parametrize("call", NORMS)
@pytest.mark.parametrize("size", [-66, 0, 40])
def test_second_derivatives_of_float32_are_those_of_float64(call: str, size: int) -> None:
    """They are rounded once: powers of cells of 2**-66 or 2**40 lie beyond float32, the derivatives do not."""

    def second(x: Any) -> Any:
        x.requires_grad_()
        (first,) = torch.autograd.grad(CALLS[call](x).sum(), x, create_graph=True)
        return torch.autograd.grad((first * inputs(*SHAPE)).sum(), x)[0]

    cells = inputs(*SHAPE) * 2.0**size
    expected = second(cells.clone()).float()
    assert torch.isfinite(expected).all()
    assert (expected != 0).any()
    assert torch.equal(second(cells.float()), expected)


@pytest.mark.parametrize("call", [name for name in CALLS if name != "max of other axes"])
def test_vmap(call: str) -> None:
    """Results, and gradients of each sample: terms are added up in the same order. Norms are divided by the largest of
    all samples on the way. Their gradients are sums over up to 4 windows of products with norms, whose sizes are those
    of positive cells.
    """
    x, pool = inputs(3, *SHAPE), CALLS[call]
    if call != "fractional max":  # equal draws are of equal shapes
        assert torch.equal(torch.vmap(pool)(x), torch.stack([pool(one) for one in x]))
        last = x.movedim(0, -1)
        assert torch.equal(torch.vmap(pool, in_dims=-1)(last), torch.stack([pool(one) for one in x]))
    slope = torch.func.grad(lambda one: pool(one).square().sum())
    of_each = torch.stack([slope(one) for one in x])
    bound: Any = 0
    if call in NORMS:
        p, taps = NORMS[call]
        of_norm = power_sum(taps, p)
        roundings = of_norm + gradient_of_norm(p, of_norm) + additions(4)
        bound = error(2 * roundings) * torch.stack([slope(one) for one in x.abs()]).numpy()
    assert_close(torch.vmap(slope)(x), of_each, bound)


def test_vmap_over_what_lies_beside() -> None:
    x, masks = inputs(*SHAPE), torch.rand(3, 6) < 0.7
    weights = torch.rand(3, 6, dtype=torch.float64)
    batched = torch.vmap(lambda mask, w: tp.avg_pool(x, 2, mask=mask, weights=w))(masks, weights)
    each = [tp.avg_pool(x, 2, mask=mask, weights=w) for mask, w in zip(masks, weights, strict=True)]
    np.testing.assert_array_equal(batched, torch.stack(each))  # NaN where a window has no cell
    slope = torch.func.grad(lambda w, one: tp.avg_pool(one, 2, weights=w).square().sum())
    whole = torch.tensor([1.0, 3, 3, 1, 2, 6], dtype=torch.float64)  # divided by 4 and 8: nothing is rounded
    of_each = torch.stack([slope(whole, one) for one in x])
    assert torch.equal(torch.vmap(slope, in_dims=(None, 0))(whole, x), of_each)
    with pytest.raises(NotImplementedError, match=r"index_base must be 'plane' or 'window' under vmap"):
        torch.vmap(lambda one: tp.max_pool(one, 2, return_indices=True, index_base="batch"))(x[None])


def test_gradients_with_respect_to_weights() -> None:
    x, w = inputs(*SHAPE).requires_grad_(), WEIGHTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: tp.avg_pool(x, 2, weights=w), (x, w))
    assert torch.autograd.gradcheck(lambda x, w: tp.sum_pool(x, 2, weights=w), (x, w))
    assert torch.autograd.gradcheck(lambda w: tp.avg_pool(x.detach(), 2, weights=w), (w,))
    narrow = WEIGHTS.float().requires_grad_()
    tp.avg_pool(x.detach().float(), 2, weights=narrow).sum().backward()
    tp.avg_pool(x.detach(), 2, weights=w).sum().backward()
    assert narrow.grad.dtype == torch.float32
    assert torch.equal(narrow.grad, w.grad.float()), "calculated in float64 and rounded once"
    slope = torch.autograd.grad(tp.avg_pool(x, 2, weights=w).sum(), x, create_graph=True)[0]
    with pytest.raises(NotImplementedError, match="weights that need one"):
        slope.sum().backward()


def test_left_out_cells_have_no_gradient() -> None:
    x = inputs(1, 1, 4, 4)
    x[0, 0, 1, 1] = torch.nan
    x.requires_grad_()
    for pool in (tp.max_pool, tp.avg_pool, tp.sum_pool):
        (slope,) = torch.autograd.grad(pool(x, 2, nan_policy="omit").square().sum(), x, create_graph=True)
        assert slope[0, 0, 1, 1] == 0
        (curve,) = torch.autograd.grad(slope.sum(), x)
        assert torch.isfinite(curve).all()


def test_max_unpool() -> None:
    x = inputs(*SHAPE)
    _, indices = tp.max_pool(x, 2, return_indices=True)
    values = inputs(*indices.shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: tp.max_unpool(v, indices, 2, output_size=(5, 6)), (values,))
    same = torch.zeros_like(indices)  # the last value stays: the others change nothing
    assert torch.autograd.gradcheck(lambda v: tp.max_unpool(v, same, 2, output_size=(5, 6)), (values,))
    batched = torch.vmap(lambda v: tp.max_unpool(v, indices, 2, output_size=(5, 6)))(inputs(3, *indices.shape))
    assert torch.equal(batched[2], tp.max_unpool(inputs(3, *indices.shape)[2], indices, 2, output_size=(5, 6)))


def test_gradients_of_other_memory_orders_and_dtypes() -> None:
    x = inputs(2, 3, 8, 8).float().to(memory_format=torch.channels_last).requires_grad_()
    tp.max_pool(x, 3, 2, 1).square().sum().backward()
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    y = x.detach().clone().requires_grad_()
    torch.nn.functional.max_pool2d(y, 3, 2, 1).square().sum().backward()
    assert torch.equal(x.grad, y.grad)
    half = x.detach().to(torch.bfloat16).requires_grad_()
    tp.avg_pool(half, 2).sum().backward()
    assert half.grad.dtype == torch.bfloat16
    assert (half.grad == 0.25).all()
    wide = x.detach().clone().requires_grad_()
    tp.avg_pool(wide, 2, dtype=torch.float64).sum().backward()
    assert wide.grad.dtype == torch.float32


def test_what_has_no_gradient_says_so() -> None:
    x = inputs(1, 1, 4, 4).requires_grad_()
    with pytest.raises(NotImplementedError, match=r"softmax_pool has no gradient of 'softmax' yet: pass x.detach\(\)"):
        tp.softmax_pool(x, 2)
    with pytest.raises(NotImplementedError, match=r"stochastic_pool has no gradient of 'stochastic' yet"):
        tp.stochastic_pool(x, 2)
    with pytest.raises(NotImplementedError, match=r"boundaries must be given where a gradient"):
        tp.fractional_avg_pool(x, output_ratio=0.5)
    with pytest.raises(TypeError, match=r"dtype must be a float where a gradient is needed, not uint8"):
        tp.avg_pool(x, 2, dtype="uint8")
    with pytest.raises(TypeError, match=r"missing a required argument: 'kernel_size'"):
        tp.max_pool(x)
    with torch.no_grad():
        tp.softmax_pool(x, 2)


# ---- graphs ----------------------------------------------------------------------------------------------------------


def text(name: str, **words: Any) -> str:
    return json.dumps([name, words])


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # of opcheck itself, since torch 2.14
@pytest.mark.parametrize("order", ["contiguous_format", "channels_last"])
def test_operators_keep_the_rules_of_torch(order: str) -> None:
    x = inputs(*SHAPE).to(memory_format=getattr(torch, order)).requires_grad_()
    w = WEIGHTS.clone().requires_grad_()
    ops = torch.ops.tilepool
    windows = {"kernel_size": 3, "stride": 2, "padding": 1}
    values, indices = tp.max_pool(x.detach(), **windows, return_indices=True)
    seed = torch.tensor(5)
    for operator, inputs_of_it in (
        (ops.pool, (x, None, None, text("lp_pool", norm_type=3, **windows))),
        (ops.pool, (x, MASK, w, text("avg_pool", **windows))),
        (ops.pool, (x, None, None, text("pyramid_pool", grids=[1, 2], op="avg"))),
        (ops.pool, (x, None, None, text("global_pool", op="sum", keepdims=False))),
        (ops.pool_with_indices, (x, MASK, None, text("max_pool", **windows))),
        (ops.draw, (x.detach(), None, None, seed, text("stochastic_pool", kernel_size=2))),
        (ops.draw_with_indices, (x, None, None, seed, text("fractional_max_pool", kernel_size=2, output_size=3))),
        (ops.pool_backward, (values, x, None, None, indices, text("max_pool", **windows))),
        (ops.weights_backward, (values, x.detach(), None, w.detach(), text("avg_pool", **windows))),
        (ops.unpool, (values, indices, text("max_unpool", output_size=[5, 6], **windows))),
    ):
        torch.library.opcheck(operator, inputs_of_it)
    assert set(FUNCTIONAL) | {"draw"} == set(SCHEMAS), "an operator has no gradient"


@pytest.mark.parametrize("call", CALLS)
def test_compiled_without_a_break(call: str) -> None:
    x, pool = inputs(*SHAPE), CALLS[call]
    compiled = torch.compile(pool, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x), pool(x))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    compiled(ours).square().sum().backward()
    pool(theirs).square().sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_compiled_with_out_and_sizes_that_change() -> None:
    compiled = torch.compile(lambda x, out: tp.max_pool(x, 2, out=out), fullgraph=True, backend="aot_eager")
    out = torch.zeros(1, 1, 2, 2)
    assert compiled(torch.ones(1, 1, 4, 4), out) is out
    assert out.sum() == 4
    graphs = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph

    dynamic = torch.compile(lambda x: tp.avg_pool(x, 3, 2, 1), fullgraph=True, dynamic=True, backend=backend)
    for batch, size in ((2, 9), (3, 12), (5, 31)):  # torch takes sizes that are equal at first for one size
        x = torch.rand(batch, 4, size, size + 1)
        assert torch.equal(dynamic(x), tp.avg_pool(x, 3, 2, 1))
    assert len(graphs) == 1, "compiled for the sizes of one call"


def test_compiled_draws_are_new_at_every_call() -> None:
    x = torch.rand(1, 1, 60, 60)
    twice = torch.compile(
        lambda x: tp.stochastic_pool(x, 2) - tp.stochastic_pool(x, 2), fullgraph=True, backend="aot_eager"
    )
    assert twice(x).any()
    pool = torch.compile(lambda x: tp.fractional_max_pool(x, output_ratio=0.7), fullgraph=True, backend="aot_eager")
    torch.manual_seed(0)
    first, other = pool(x), pool(x)
    torch.manual_seed(0)
    assert torch.equal(pool(x), first)
    assert not torch.equal(first, other)


def test_exported_saved_and_loaded() -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return tp.max_pool(x, 3, 2, 1), tp.adaptive_avg_pool(x, 2), tp.lp_pool(x, float("inf"), 2)

    x = torch.rand(2, 3, 9, 9)
    sizes = {"x": {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=4)}}
    program = torch.export.export(Model(), (x,), dynamic_shapes=sizes)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    other = torch.rand(5, 3, 20, 9)
    for ours, expected in zip(loaded(other), Model()(other), strict=True):
        assert torch.equal(ours, expected)
