"""The poolings of a model replaced by tilepool's, where these give the same."""

from __future__ import annotations

from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import fx, nn
from torch.nn import functional as F  # noqa: N812

from . import functional, modules

if TYPE_CHECKING:
    from collections.abc import Callable

# Of torch's classes and functions those of the same names here, which end in the number of pooled axes.
KINDS = {getattr(nn, name): kind for name, kind in vars(modules).items() if name.endswith("d") and hasattr(nn, name)}
POOLS = {name: pool for name, pool in vars(functional).items() if name.endswith("d")}
FUNCTIONS = {getattr(F, name): pool for name, pool in POOLS.items() if hasattr(F, name)}
FUNCTIONS |= {getattr(torch, f"max_pool{rank}d"): getattr(functional, f"max_pool{rank}d") for rank in (1, 2, 3)}


def with_indices(pool: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a pooling that always returns indices, as torch has one beside each."""

    @wraps(pool)
    def pair(*args: Any, **words: Any) -> Any:
        return pool(*args, **words | {"return_indices": True})

    return pair


for _name in ("max_pool", "adaptive_max_pool"):
    for _rank in (1, 2, 3):
        FUNCTIONS[getattr(F, f"{_name}{_rank}d_with_indices")] = with_indices(getattr(functional, f"{_name}{_rank}d"))


class Replaced(NamedTuple):
    """What was replaced, and what was left and why: modules by their names, functions by "name.forward"."""

    replaced: dict[str, str]
    left: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{name}: {what}" for name, what in self.replaced.items()]
        return "\n".join(lines + [f"{name}: left, for {why}" for name, why in self.left.items()]) or "no poolings"


def replace(model: nn.Module) -> Replaced:
    """Replace the poolings of a model by tilepool's, in place, and tell which.

    A module of torch gets the class of `tilepool.torch` with its name, and stays the same object with all that it has.
    Where a module calls pooling functions itself, and torch.fx can follow its `forward`, that becomes one that calls
    tilepool's. What would give other results, or take longer, is left.

    Examples
    --------
    >>> import torch
    >>> import tilepool.torch
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.MaxPool2d(2), torch.nn.LPPool2d(3, 2))
    >>> print(tilepool.torch.replace(model))
    1: MaxPool2d
    2: left, for torch takes no magnitudes of odd norms, and trains even ones in less time
    >>> model[1]
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.device.type != "cpu":
            raise TypeError(f"model must be on the CPU, where tilepool is, not {name} on {tensor.device}")
    result = Replaced({}, {})
    for name, module in model.named_modules():
        kind = KINDS.get(type(module))
        if kind is not None:
            reason = difference(module)
            if reason is None:
                module.__class__ = kind
                result.replaced[name] = kind.__name__
            else:
                result.left[name] = reason
        elif type(module).__module__ == modules.__name__:
            continue  # tilepool's already
        elif isinstance(module, tuple(KINDS)):
            result.left[name] = f"{type(module).__name__} is a class of its own"
        elif calls_poolings(module):
            replace_calls(f"{name}.forward".lstrip("."), module, result)
    return result


NORMS = "torch takes no magnitudes of odd norms, and trains even ones in less time"
DRAWN = "torch draws other windows for each image and channel"
PUT_BACK = "torch is as fast"


def difference(module: Any) -> str | None:
    """Why tilepool does not give what a module gives, or takes longer."""
    if isinstance(module, nn.modules.pooling._LPPoolNd):
        return NORMS
    if isinstance(module, nn.FractionalMaxPool2d | nn.FractionalMaxPool3d):
        return DRAWN
    return PUT_BACK if isinstance(module, nn.modules.pooling._MaxUnpoolNd) else None


# ---- functions -------------------------------------------------------------------------------------------------------


# Functions that are left, by how their names begin.
LEFT = {"lp_pool": NORMS, "fractional": DRAWN, "max_unpool": PUT_BACK}


class Leaves(fx.Tracer):
    """Follows one module's own `forward`, and none of those that it calls."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def calls_poolings(module: nn.Module) -> bool:
    """Whether the code of a module's `forward` names a pooling function."""
    code = getattr(type(module).forward, "__code__", None)
    return code is not None and any("pool" in name for name in code.co_names)


def replace_calls(name: str, module: Any, result: Replaced) -> None:
    """Let a module's `forward` call tilepool's functions, if it can be followed."""
    training = module.training
    texts, graph = [], fx.Graph()
    try:
        for module.training in (not training, training):
            graph = Leaves().trace(module)
            texts.append(graph.python_code("self").src)
    except Exception as error:  # whatever the code of a model raises where its tensors are none
        result.left[name] = f"torch.fx cannot follow it: {str(error).splitlines()[0]}"
        return
    finally:
        module.training = training
    calls = [node for node in graph.nodes if node.op == "call_function" and node.target in FUNCTIONS]
    names = {node: FUNCTIONS[node.target].__name__ for node in calls}
    reasons = {reason for start, reason in LEFT.items() for called in names.values() if called.startswith(start)}
    if not calls:
        return
    if texts[0] != texts[1]:
        reasons.add("it does other things in training")
    if any(node.op == "get_attr" and not hasattr(module, str(node.target).split(".")[0]) for node in graph.nodes):
        reasons.add("it makes tensors of its own")
    if reasons:
        result.left[name] = "; ".join(sorted(reasons))
        return
    for node in calls:
        node.target = FUNCTIONS[node.target]
    module.forward = MethodType(type(fx.GraphModule(module, graph)).forward, module)
    result.replaced[name] = ", ".join(names.values())
