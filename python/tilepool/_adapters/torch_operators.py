"""The operators of torch that pool: what they calculate, and the form of their results, for tensors without memory."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch

import tilepool

from .._indices import unpooled
from .torch_requests import Asked, asked, faster_order, forms, has_cells_in_place, sees_all, strides_of
from .torch_tensors import CALCULATES, array_of, refuse_arithmetic, tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable

BESIDE = "Tensor? mask, Tensor? weights"
PAIR = "(Tensor values, Tensor indices)"
SCHEMAS = {
    "pool": f"(Tensor x, {BESIDE}, str request) -> Tensor",
    "pool_with_indices": f"(Tensor x, {BESIDE}, str request) -> {PAIR}",
    # With a seed, for torch takes equal calls for one: there is none where the request has one.
    "draw": f"(Tensor x, {BESIDE}, Tensor? seed, str request) -> Tensor",
    "draw_with_indices": f"(Tensor x, {BESIDE}, Tensor? seed, str request) -> {PAIR}",
    "pool_backward": f"(Tensor g, Tensor x, {BESIDE}, Tensor? indices, str request) -> Tensor",
    "weights_backward": "(Tensor g, Tensor x, Tensor? mask, Tensor weights, str request) -> Tensor",
    "unpool": "(Tensor x, Tensor indices, str request) -> Tensor",
}
ONLY_FORM = ("return_indices", "index_dtype", "dtype", "rounding")  # arguments without a meaning for a gradient

for operator, schema in SCHEMAS.items():
    torch.library.define(f"tilepool::{operator}", schema)


CALCULATED: dict[str, Callable[..., Any]] = {}  # what each operator does, with results of any strides


def implements(name: str, like: int = 0) -> Callable[[Any], Any]:
    """Makes a function what an operator does, whose results have the memory order of that input."""

    def register(function: Any) -> Any:
        @torch.library.impl(f"tilepool::{name}", "CPU")  # type: ignore[untyped-decorator]
        def implementation(*inputs: Any) -> Any:
            results = function(*inputs)
            if isinstance(results, tuple):
                return tuple(formed(result, strides_of(result.shape, inputs[like])) for result in results)
            return formed(results, strides_of(results.shape, inputs[like]))

        CALCULATED[name] = function
        return function

    return register


def formed(tensor: Any, strides: tuple[int, ...]) -> Any:
    """A result with the strides that were promised for it."""
    if tensor.stride() == strides:
        return tensor
    different = any(a != b for n, a, b in zip(tensor.shape, tensor.stride(), strides, strict=True) if n > 1)
    if different and tensor.numel() > 0:
        return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device="cpu").copy_(tensor)
    return tensor.as_strided(tensor.shape, strides)


def has_form(*names: str) -> Callable[[Any], Any]:
    """Makes a function the form of the results of these operators."""

    def register(function: Any) -> Any:
        for name in names:
            torch.library.register_fake(f"tilepool::{name}")(function)
        return function

    return register


# ---- what they calculate ---------------------------------------------------------------------------------------------


@implements("pool")
def pool(x: Any, mask: Any, weights: Any, text: str, **words: Any) -> Any:
    call, arrays = asked(text), beside(mask, weights)
    refuse_arithmetic(x, {call.name, *call.words, *arrays})
    return tensors_of(call.function(array_of(x), **call.words | words, **arrays))


@implements("pool_with_indices")
def pool_with_indices(x: Any, mask: Any, weights: Any, text: str) -> Any:
    order = faster_order(text, tuple(x.shape), x.stride())
    if order is None:
        return pool(x, mask, weights, text, return_indices=True)
    turned = x.permute(order).contiguous().permute([order.index(axis) for axis in range(x.ndim)])
    results = pool(turned, mask, weights, text, return_indices=True)
    return tuple(formed(result, strides_of(result.shape, x)) for result in results)


@implements("draw")
def draw(x: Any, mask: Any, weights: Any, seed: Any, text: str, **words: Any) -> Any:
    return pool(x, mask, weights, text, **words if seed is None else words | {"rng": int(seed)})


@implements("draw_with_indices")
def draw_with_indices(x: Any, mask: Any, weights: Any, seed: Any, text: str) -> Any:
    return draw(x, mask, weights, seed, text, return_indices=True)


@implements("pool_backward", like=1)
def pool_backward(g: Any, x: Any, mask: Any, weights: Any, indices: Any, text: str, **more: Any) -> Any:
    call = asked(text)
    if mask is None and weights is None and sees_all(text, tuple(x.shape)):
        return spread(g, x, call)
    words = {name: value for name, value in call.words.items() if name not in ONLY_FORM} | more
    if indices is None or not has_cells_in_place(call.request):
        words.pop("index_base", None)
    else:
        words["indices"] = array_of(indices)
    dtype, gradient = x.dtype, getattr(tilepool.grad, call.name)
    if not CALCULATES and torch.bfloat16 in (g.dtype, dtype):
        g, x = g.float(), x.float()  # in which they are added up anyway
    return tensors_of(gradient(array_of(g), array_of(x), **words, **beside(mask, weights))).to(dtype)


def spread(g: Any, x: Any, call: Asked) -> Any:
    """The gradient of sums and averages of whole planes: a view."""
    axes = call.request.axes.of(x.ndim)
    shape = [1 if axis in axes else n for axis, n in enumerate(x.shape)]
    count = prod(x.shape[axis] for axis in axes) if call.request.op.name == "avg" else 1
    return (g.reshape(shape) / count).to(x.dtype).expand(x.shape)


@implements("weights_backward", like=3)
def weights_backward(g: Any, x: Any, mask: Any, weights: Any, text: str) -> Any:
    return pool_backward(g, x, mask, weights, None, text, wrt="weights").to(weights.dtype)


@implements("unpool")
def unpool(x: Any, indices: Any, text: str) -> Any:
    bits = x.view(torch.int16) if x.dtype is torch.bfloat16 else x
    return tensors_of(tilepool.max_unpool(array_of(bits), array_of(indices), **asked(text).words)).view(x.dtype)


def beside(mask: Any, weights: Any) -> dict[str, Any]:
    """The arrays beside x that are there, as arguments."""
    return {k: array_of(v) for k, v in (("mask", mask), ("weights", weights)) if v is not None}


# ---- the form of their results ---------------------------------------------------------------------------------------


@has_form("pool", "draw")
def form(x: Any, mask: Any, weights: Any, *seed_and_text: Any) -> Any:
    shape, strides, dtype, _ = forms(seed_and_text[-1], x, weights)
    return x.new_empty_strided(shape, strides, dtype=dtype)


@has_form("pool_with_indices", "draw_with_indices")
def form_of_pair(x: Any, mask: Any, weights: Any, *seed_and_text: Any) -> Any:
    shape, strides, dtype, indices = forms(seed_and_text[-1], x, weights)
    return tuple(x.new_empty_strided(shape, strides, dtype=each) for each in (dtype, indices))


@has_form("pool_backward")
def form_of_gradient(g: Any, x: Any, mask: Any, weights: Any, indices: Any, text: str) -> Any:
    return x.new_empty_strided(x.shape, strides_of(x.shape, x))


@has_form("weights_backward")
def form_of_weights_gradient(g: Any, x: Any, mask: Any, weights: Any, text: str) -> Any:
    return weights.new_empty_strided(weights.shape, strides_of(weights.shape, weights))


@has_form("unpool")
def form_of_unpooled(x: Any, indices: Any, text: str) -> Any:
    words, axes = asked(text).words, asked(text).request.axes.of(x.ndim)
    windows = (words["kernel_size"], words.get("stride"), words.get("padding", 0), words.get("output_size"))
    shape = unpooled(tuple(x.shape), axes, *windows).shape
    return x.new_empty_strided(shape, strides_of(shape, x))
