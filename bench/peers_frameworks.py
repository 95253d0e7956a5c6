"""The machine-learning frameworks as contenders: PyTorch, ONNX Runtime, OpenVINO, JAX, TensorFlow.

Each gets its input in the layout it names, rearranged beforehand, and everything it can prepare is prepared: sessions,
compiled functions, and result buffers where its interface takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from cases import Case
from contender import Contender, arrange, found, need, restore
from ops import Array

FIRST, LAST = "channels_first", "channels_last"


def _layouts(case: Case, name: str) -> tuple[str, ...]:
    """One contender per memory format; a plane has one channel, for which both are the same memory."""
    return (name,) if case.layout == "plane" else (name, f"{name} channels-last")


class Torch:
    def __init__(self, threads: int) -> None:
        self.torch = import_module("torch")
        self.torch.set_num_threads(threads)
        self.torch.inference_mode().__enter__()
        self.version = str(self.torch.__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return _layouts(case, "torch") + (("torch mean",) if case.is_global and case.op == "avg" else ())

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        functional = self.torch.nn.functional
        rank = len(case.kernel)
        need(case.op in ("max", "max_indices", "avg", "sum", "lp") and rank <= 3, "no such op")
        last = label.endswith("channels-last") or (label == "torch mean" and case.layout == LAST)
        data = self.torch.from_numpy(arrange(case, x, LAST if last else FIRST))
        if last:
            data = data.movedim(-1, 1)  # a view: torch's channels_last memory format
        call: Callable[[], Any]
        if label == "torch mean":
            axes = tuple(range(2, 2 + rank))
            call = lambda: data.mean(axes, keepdim=True)  # noqa: E731
        elif case.op == "max":
            pool = getattr(functional, f"max_pool{rank}d")
            call = lambda: pool(data, case.kernel, case.stride, case.padding)  # noqa: E731
        elif case.op == "max_indices":
            pool = getattr(functional, f"max_pool{rank}d_with_indices")
            return Contender(
                lambda: pool(data, case.kernel, case.stride, case.padding),
                lambda result: restore(case, found(*(part.numpy() for part in (data, *result))), FIRST),
            )
        elif case.op == "lp":
            need(not any(case.padding), "lp_pool has no padding")
            pool = getattr(functional, f"lp_pool{rank}d")
            call = lambda: pool(data, 2.0, case.kernel, case.stride)  # noqa: E731
        else:
            need(case.op == "avg" or rank > 1, "avg_pool1d has no divisor_override")
            pool = getattr(functional, f"avg_pool{rank}d")
            options = {"divisor_override": 1} if case.op == "sum" else {}
            call = lambda: pool(data, case.kernel, case.stride, case.padding, **options)  # noqa: E731
        return Contender(call, lambda result: restore(case, result.numpy(), FIRST))


class OnnxRuntime:
    def __init__(self, threads: int) -> None:
        self.runtime, self.onnx = import_module("onnxruntime"), import_module("onnx")
        self.threads = threads
        self.version = str(self.runtime.__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("onnxruntime",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        need(case.op in ("max", "max_indices", "avg", "lp"), "no such op")
        helper = self.onnx.helper
        data = arrange(case, x, FIRST)
        is_pair = case.op == "max_indices"
        attributes: dict[str, Any] = {}
        name = {"max": "MaxPool", "max_indices": "MaxPool", "avg": "AveragePool", "lp": "LpPool"}[case.op]
        if case.op == "avg" and case.is_global:
            name = "GlobalAveragePool"
        else:
            attributes = {"kernel_shape": case.kernel, "strides": case.stride, "pads": case.padding * 2}
            if case.op == "avg":
                attributes["count_include_pad"] = 1
            if case.op == "lp":
                attributes["p"] = 2
        kind = helper.np_dtype_to_tensor_dtype(data.dtype)
        kinds = {"y": kind} | ({"i": helper.np_dtype_to_tensor_dtype(np.dtype(np.int64))} if is_pair else {})
        graph = helper.make_graph(
            [helper.make_node(name, ["x"], list(kinds), **attributes)],
            "pool",
            [helper.make_tensor_value_info("x", kind, data.shape)],
            [helper.make_tensor_value_info(result, its_kind, None) for result, its_kind in kinds.items()],
        )
        # Opset 18: its AveragePool takes the fast path, that of opset 19 (which knows dilation) does not.
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        session = self.runtime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_cpu_input("x", data)
        values = []
        for result, array in zip(kinds, session.run(None, {"x": data}), strict=True):
            values.append(self.runtime.OrtValue.ortvalue_from_numpy(np.empty_like(array)))
            binding.bind_ortvalue_output(result, values[-1])

        def pooled(_: object) -> Array:
            arrays = [value.numpy() for value in values]
            if is_pair:  # ONNX counts in the whole array
                arrays[1] = arrays[1] % (data.size // (data.shape[0] * data.shape[1]))
            return restore(case, found(data, *arrays) if is_pair else arrays[0], FIRST)

        return Contender(lambda: session.run_with_iobinding(binding), pooled, keep=data)


class OpenVino:
    def __init__(self, threads: int) -> None:
        self.openvino = import_module("openvino")
        self.opset = import_module("openvino.opset1")
        self.settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.version = str(self.openvino.__version__).split("-")[0]

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("openvino",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        need(case.op in ("max", "avg"), "no such op")
        data = arrange(case, x, FIRST)
        parameter = self.opset.parameter(data.shape, data.dtype)
        windows = (case.stride, case.padding, case.padding, case.kernel)
        if case.op == "max":
            node = self.opset.max_pool(parameter, *windows, rounding_type="floor")
        else:
            node = self.opset.avg_pool(parameter, *windows, exclude_pad=False, rounding_type="floor")
        compiled = self.openvino.compile_model(self.openvino.Model([node], [parameter]), "CPU", self.settings)
        request = compiled.create_infer_request()
        output = np.empty(tuple(compiled.output(0).shape), compiled.output(0).element_type.to_dtype())
        request.set_input_tensor(self.openvino.Tensor(data, shared_memory=True))
        request.set_output_tensor(self.openvino.Tensor(output, shared_memory=True))

        def call() -> None:
            request.start_async()
            request.wait()

        return Contender(call, lambda _: restore(case, output, FIRST), keep=data)


class Jax:
    def __init__(self, threads: int) -> None:
        # The number of threads is that of the CPUs that the process may use.
        self.jax = import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.version = str(self.jax.__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return _layouts(case, "jax")

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        lax = self.jax.lax
        layout = LAST if label.endswith("channels-last") else FIRST
        data = self.jax.device_put(arrange(case, x, layout))

        def per_axis(values: tuple[Any, ...], other: Any) -> tuple[Any, ...]:
            return (other, other, *values) if layout == FIRST else (other, *values, other)

        integer = x.dtype.kind in "iu"
        windows = (
            per_axis(case.kernel, 1),
            per_axis(case.stride, 1),
            per_axis(tuple((padding, padding) for padding in case.padding), (0, 0)),
        )
        if case.op in ("max", "min"):
            low, high = (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max) if integer else (-np.inf, np.inf)
            start, combine = (low, lax.max) if case.op == "max" else (high, lax.min)
            run = lambda values: lax.reduce_window(values, x.dtype.type(start), combine, *windows)  # noqa: E731
        else:
            need(case.op in ("sum", "avg"), "no such op")
            wide = case.result_dtype
            divisor = wide.type(case.taps if case.op == "avg" else 1)
            run = lambda values: (  # noqa: E731
                lax.reduce_window(values.astype(wide), wide.type(0), lax.add, *windows) / divisor
            ).astype(wide)
        compiled = self.jax.jit(run)
        return Contender(
            lambda: compiled(data).block_until_ready(), lambda result: restore(case, np.asarray(result), layout)
        )


class TensorFlow:
    def __init__(self, threads: int) -> None:
        self.tensorflow = import_module("tensorflow")
        self.tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        self.tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.version = str(self.tensorflow.__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("tensorflow",)  # on CPUs it pools channels-last arrays only

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        library = self.tensorflow
        need(case.op in ("max", "avg") and len(case.kernel) <= 3, "no such op")
        data = library.constant(arrange(case, x, LAST))
        pads = [[0, 0], *([padding, padding] for padding in case.padding), [0, 0]]
        padded = any(case.padding)
        axes = list(range(1, 1 + len(case.kernel)))

        def run(values: Any) -> Any:
            if case.op == "avg" and case.is_global:
                return library.reduce_mean(values, axes, keepdims=True)
            if case.op == "avg":
                values = library.pad(values, pads) if padded else values  # avg_pool takes no numbers for its padding
                return library.nn.avg_pool(values, case.kernel, case.stride, "VALID")
            return library.nn.max_pool(values, case.kernel, case.stride, pads if padded else "VALID")

        compiled = library.function(run).get_concrete_function(data)
        return Contender(lambda: compiled(data), lambda result: restore(case, result.numpy(), LAST))
