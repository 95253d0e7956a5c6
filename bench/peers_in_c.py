"""Specialists without functions of arrays: libyuv and IPP by their C interfaces, LiteRT by a model of one operation."""

from __future__ import annotations

import ctypes
import sys
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ops import Array
from specialist import Run, Specialist


class Address(ctypes.c_void_p):
    """Of an array, which lives as long."""

    def __init__(self, array: Array) -> None:
        super().__init__(array.ctypes.data)
        self.array = array


def shrunk(x: Array, factor: int) -> Array:
    """The memory for a picture that is that much smaller."""
    return np.zeros((x.shape[0] // factor, x.shape[1] // factor, *x.shape[2:]), x.dtype)


class LibYuv(Specialist):
    """The library of the system (Debian: libyuv0)."""

    def __init__(self, name: str, module: str, package: str, threads: int) -> None:
        self.name = name
        self.library: Any = ctypes.CDLL(module)
        (file,) = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if module in line}
        self.version = file.partition(".so.")[2]

    def scale_of(self, x: Array, function: str, factor: int) -> Run:
        y, box = shrunk(x, factor), 3
        planes = [(Address(z), z[0].size, z.shape[1], z.shape[0]) for z in (x, y)]
        scale = getattr(self.library, function)
        return lambda: (scale(*planes[0], *planes[1], box), y)[1]


class Size(ctypes.Structure):
    """Also a point."""

    _fields_ = (("width", ctypes.c_int), ("height", ctypes.c_int))


class Ipp(Specialist):
    """The kernels of its wheel for this processor: the library that chooses among them does not find them there."""

    def __init__(self, name: str, module: str, package: str, threads: int) -> None:
        self.name, self.version = name, version(package)
        kernels = "k0" if "avx512bw" in Path("/proc/cpuinfo").read_text() else "l9"
        for part in ("core", f"i{kernels}"):
            path = Path(sys.prefix, "lib", f"libipp{part}.so.12")
            self.library: Any = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)

    def ask(self, function: str, *arguments: Any, result: Any = None) -> Any:
        status = getattr(self.library, f"ippi{function}")(*arguments)
        if status:
            raise RuntimeError(f"{function}: status {status}")
        return result

    def memory(self, function: str, *arguments: Any, count: int = 1) -> list[Array]:
        """As much as a function asks for, which writes the sizes last."""
        sizes = [ctypes.c_int() for _ in range(count)]
        self.ask(function, *arguments, *map(ctypes.byref, sizes))
        return [np.zeros(max(size.value, 1), np.uint8) for size in sizes]

    def filter_of(self, x: Array, what: str, size: int) -> Run:
        """Borders are those of the nearest cell."""
        y, roi, mask = np.zeros_like(x), Size(x.shape[1], x.shape[0]), Size(size, size)
        kind, suffix = {"uint8": (1, "8u"), "float32": (13, "32f")}[x.dtype.name]
        (buffer,) = self.memory(f"Filter{what}BorderGetBufferSize", roi, mask, kind, 1)
        border = ctypes.c_float() if suffix == "32f" and what != "Box" else None  # a number; of boxes its address
        pictures = (Address(x), x.strides[0], Address(y), y.strides[0], roi)
        function, nearest = f"Filter{what}Border_{suffix}_C1R", 1
        return partial(self.ask, function, *pictures, mask, nearest, border, Address(buffer), result=y)

    def resize_of(self, x: Array, factor: int) -> Run:
        y, channels, super_sampling = shrunk(x, factor), x[0, 0].size, 8
        sizes = [Size(z.shape[1], z.shape[0]) for z in (x, y)]
        spec, _ = self.memory("ResizeGetSize_8u", *sizes, super_sampling, 0, count=2)
        self.ask("ResizeSuperInit_8u", *sizes, Address(spec))
        (buffer,) = self.memory("ResizeGetBufferSize_8u", Address(spec), sizes[1], channels)
        pictures = (Address(x), x.strides[0], Address(y), y.strides[0], Size(), sizes[1])
        function = f"ResizeSuper_8u_C{channels}R"
        return partial(self.ask, function, *pictures, Address(spec), Address(buffer), result=y)


class LiteRt(Specialist):
    """A model of one pooling of the batches, channels last."""

    def pool_of(self, x: Array, what: str, size: int, stride: int, padding: str) -> Run:
        schema, flatbuffers = import_module("ai_edge_litert.schema_py_generated"), import_module("flatbuffers")
        options = schema.Pool2DOptionsT()
        options.filterHeight = options.filterWidth = size
        options.strideH = options.strideW = stride
        options.padding = getattr(schema.Padding, padding)
        step, code, graph, model = schema.OperatorT(), schema.OperatorCodeT(), schema.SubGraphT(), schema.ModelT()
        step.inputs, step.outputs = [0], [1]
        step.builtinOptionsType, step.builtinOptions = schema.BuiltinOptions.Pool2DOptions, options
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, f"{what}_POOL_2D")
        places = [-(-axis // stride) if padding == "SAME" else (axis - size) // stride + 1 for axis in x.shape[1:3]]
        graph.tensors = [schema.TensorT(), schema.TensorT()]
        graph.tensors[0].shape, graph.tensors[1].shape = list(x.shape), [x.shape[0], *places, x.shape[3]]
        graph.inputs, graph.outputs, graph.operators = [0], [1], [step]
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        run = self.library.Interpreter(model_content=bytes(builder.Output()), num_threads=self.threads)
        run.allocate_tensors()
        run.set_tensor(0, x)
        view = run.tensor(run.get_output_details()[0]["index"])
        return lambda: (run.invoke(), view)[1]

    def array(self, result: Any) -> Array:
        return np.array(result())
