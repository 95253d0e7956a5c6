"""ONNX's pooling operators as calls of tilepool, and ONNX's own tests of them.

An operator that tilepool learns is one line in OPERATORS. The node tests come from the modules of the package `onnx`
that make them; onnx's own loader would make those of all other operators too, which takes long and warns.
"""

import importlib
import math
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto
from onnx.backend.test.case import node as node_tests
from onnx.backend.test.loader import load_model_tests
from onnx.helper import get_attribute_value
from onnx.numpy_helper import to_array

import tilepool as tp

Array = NDArray[Any]
PADDINGS = {"VALID": "valid", "SAME_UPPER": "same", "SAME_LOWER": "same_lower"}


class NodeTest(NamedTuple):
    node: NodeProto
    inputs: Sequence[Array]
    outputs: Sequence[Array]


class UnsupportedError(Exception):
    """What a node asks for has no call of tilepool."""


def pooling_tests() -> dict[str, NodeTest]:
    """By name, all node tests of the modules with a pooling operator in their name."""
    for module in pkgutil.iter_modules(node_tests.__path__):
        if "pool" in module.name:
            importlib.import_module(f"{node_tests.__name__}.{module.name}")
    tests = {}
    for case in node_tests._NodeTestCases:  # importing a module fills it; there is no public way that imports some
        (node,) = case.model.graph.node
        ((inputs, outputs),) = case.data_sets
        tests[case.name] = NodeTest(node, inputs, outputs)
    return tests


def converted_tests() -> dict[str, NodeTest]:
    """By name, the models of one pooling node that were converted from PyTorch, whose numbers are PyTorch's."""
    tests = {}
    for case in [*load_model_tests(kind="pytorch-converted"), *load_model_tests(kind="pytorch-operator")]:
        if "pool" not in case.name.lower():
            continue
        folder = Path(str(case.model_dir))
        nodes = onnx.load(folder / "model.onnx").graph.node
        if len(nodes) == 1:  # two averages of one axis come as averages of two, between a node before and one after
            data = folder / "test_data_set_0"
            x, y = (to_array(onnx.load_tensor(data / name)) for name in ("input_0.pb", "output_0.pb"))
            tests[case.name] = NodeTest(nodes[0], [x], [y])
    return tests


def sliding(attributes: dict[str, Any]) -> dict[str, Any]:
    """The words that say where the windows are. Takes their attributes out of the dictionary."""
    kernel_size = attributes.pop("kernel_shape")
    ones = [1] * len(kernel_size)
    name = attributes.pop("auto_pad", b"NOTSET").decode()
    pads = attributes.pop("pads", [0] * 2 * len(kernel_size))  # all before, then all after
    befores, afters = pads[: len(kernel_size)], pads[len(kernel_size) :]
    return {
        "kernel_size": kernel_size,
        "stride": attributes.pop("strides", ones),
        "padding": PADDINGS[name] if name != "NOTSET" else list(zip(befores, afters, strict=True)),
        "dilation": attributes.pop("dilations", ones),
        "ceil_mode": bool(attributes.pop("ceil_mode", 0)),
    }


def average_pool(attributes: dict[str, Any], x: Array) -> Array:
    count_include_pad = bool(attributes.pop("count_include_pad", 0))
    return tp.avg_pool(x, count_include_pad=count_include_pad, **sliding(attributes))


def lp_pool(attributes: dict[str, Any], x: Array) -> Array:
    return tp.lp_pool(x, attributes.pop("p", 2), **sliding(attributes))


def max_pool(attributes: dict[str, Any], x: Array) -> tuple[Array, Array]:
    column_major = bool(attributes.pop("storage_order", 0))
    y, indices = tp.max_pool(x, return_indices=True, index_base="array", **sliding(attributes))
    return y, tp.convert_indices(indices, x.shape, "array", "array", column_major=column_major)


def max_unpool(attributes: dict[str, Any], x: Array, indices: Array, shape: Array | None = None) -> Array:
    """The indices are those of the smallest array, whatever the shape of the result; it has zeros behind that one."""
    words = {"kernel_size": attributes.pop("kernel_shape"), "stride": attributes.pop("strides")}
    small = tp.max_unpool(x, indices, index_base="array", **words)
    if shape is None:
        return small
    result = np.zeros(shape.tolist(), x.dtype)
    result[tuple(map(slice, small.shape))] = small
    return result


# Each takes the node's attributes, which it removes as it understands them, and the node's inputs.
OPERATORS: dict[str, Callable[..., Array | tuple[Array, ...]]] = {
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "MaxPool": max_pool,
    "MaxUnpool": max_unpool,
    "GlobalAveragePool": lambda _, x: tp.avg_pool(x, x.shape[2:]),
    "GlobalMaxPool": lambda _, x: tp.max_pool(x, x.shape[2:]),
}


def run(node: NodeProto, *inputs: Array) -> tuple[Array, ...]:
    """The outputs of the node that tilepool has: all of them, or the first."""
    if node.op_type not in OPERATORS:
        raise UnsupportedError(node.op_type)
    attributes = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    result = OPERATORS[node.op_type](attributes, *inputs)
    assert not attributes, f"the adapter ignores {attributes}"
    return result if isinstance(result, tuple) else (result,)


def rounding(node: NodeProto, x: Array) -> Array | float:
    """How far a result may be from the test's: not at all, but for averages and norms.

    Averages are sums of float32 in some order and one division, ours and the test's: each is off by taps + 1 roundings
    at most, of u * sum(abs(x)) / divisor each, and by terms of higher order, for which one more is allowed. A norm of
    the test's has the roundings of its sum, and an ulp (two roundings) for each of both powers; ours has one.
    """
    taps = math.prod(next((a.ints for a in node.attribute if a.name == "kernel_shape"), x.shape[2:]))
    if node.op_type in ("AveragePool", "GlobalAveragePool"):
        roundings = 2 * (taps + 2)
    elif node.op_type == "LpPool":
        roundings = taps + 6
    else:
        return 0.0
    (sizes,) = run(node, np.abs(x.astype(np.float64)))
    return roundings * 2.0**-24 * sizes
