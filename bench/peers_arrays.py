"""Array and image libraries as contenders: tilepool itself, the plain copy, OpenCV, scipy, scikit-image, numpy."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from cases import Case
from contender import Contender, arrange, found, need, restore
from ops import OPS, Array


class Copy:
    """A copy that reads and writes, together, as many bytes as the case must move, by the threads that tilepool uses.

    It is the limit that memory sets, and the unit of the figures. Few bytes are copied faster by one thread than by
    two: a turn has as many copies of each kind, and the faster kind counts.
    """

    def __init__(self, threads: int) -> None:
        core = import_module("tilepool._core")
        self.copy, self.version = core.copy, core.backend
        self.threads = sorted({1, threads})

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("copy",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        source = np.resize(x.reshape(-1).view(np.uint8), -(-case.moved // 2))
        target = source.copy()

        def seconds(threads: int, count: int) -> float:
            begin = time.perf_counter()
            self.copy(source, target, threads, count)
            return time.perf_counter() - begin

        return Contender(
            lambda: self.copy(source, target, self.threads[-1]),
            lambda _: target,
            lambda count: min(seconds(threads, count) for threads in self.threads),
        )


class Tilepool:
    """tilepool with a reused and with a fresh output."""

    def __init__(self, threads: int) -> None:
        self.tilepool = import_module("tilepool")
        core = import_module("tilepool._core")
        self.tilepool.set_threads(threads)
        self.isa, self.path = core.get_isa(), core.__file__
        self.version = f"{self.tilepool.__version__} ({self.isa})"

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("tilepool", "tilepool fresh")

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        op = OPS[case.op]
        options = dict(op.options)
        function = getattr(self.tilepool, f"{op.name or case.op}_pool", None)
        if function is None:  # it has a name only
            function, options["op"] = self.tilepool.pool, case.op
        arguments: list[Any] = [*op.first, self._short(case.kernel)]
        if case.stride != case.kernel or any(case.padding):
            options |= {"stride": self._short(case.stride), "padding": self._short(case.padding)}
        if case.layout != "channels_first":
            options |= {"axis": (0, 1)} if case.layout == "plane" else {"layout": case.layout}
        if case.op == "avg_rounded":
            options["dtype"] = x.dtype
        if label == "tilepool":
            out = np.zeros(case.result_shape, case.result_dtype)
            options["out"] = (out, np.zeros(case.result_shape, np.int64)) if case.has_indices else out
        return Contender(
            lambda: function(x, *arguments, **options),
            lambda result: self._found(case, x, result) if case.has_indices else result,
        )

    @staticmethod
    def _found(case: Case, x: Array, result: tuple[Array, Array]) -> Array:
        parts = (arrange(case, part, "channels_first") for part in (x, *result))
        return restore(case, found(*parts), "channels_first")

    @staticmethod
    def _short(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
        """One number where all are equal: what a user would write."""
        return sizes[0] if len(set(sizes)) == 1 else sizes


class OpenCv:
    """OpenCV on one picture: filters at stride 1 (sliced where the stride is larger) and INTER_AREA on blocks."""

    def __init__(self, threads: int) -> None:
        self.cv2 = import_module("cv2")
        self.cv2.setNumThreads(threads)
        self.version = str(self.cv2.__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("opencv INTER_AREA",) if case.op == "avg" and case.is_blocks else ("opencv",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        cv2 = self.cv2
        need(len(case.kernel) == 2, "pictures only")
        need(case.layout == "plane" or (case.layout == "channels_last" and x.shape[0] == 1), "one picture only")
        picture = x if case.layout == "plane" else x[0]
        need(picture.ndim == 2 or picture.shape[2] <= 4, "more than 4 channels")
        back: Callable[[Array], Array] = (lambda y: y) if case.layout == "plane" else (lambda y: y[None])
        height, width = case.kernel
        if label == "opencv INTER_AREA":
            need(x.dtype.kind == "f", "rounds")
            size = (picture.shape[1] // width, picture.shape[0] // height)
            small = np.zeros((size[1], size[0], *picture.shape[2:]), picture.dtype)
            return Contender(
                lambda: cv2.resize(picture, size, dst=small, interpolation=cv2.INTER_AREA), lambda _: back(small)
            )
        if case.op in ("max", "min"):
            target = np.zeros_like(picture)
            shape = np.ones((height, width), np.uint8)
            function = cv2.dilate if case.op == "max" else cv2.erode
            call = lambda: function(picture, shape, dst=target)  # noqa: E731
        elif case.op == "median":
            need(height == width and (height <= 5 or x.dtype == np.uint8), "other sizes of windows")
            target = np.zeros_like(picture)
            call = lambda: cv2.medianBlur(picture, height, dst=target)  # noqa: E731
        else:
            need(case.op in ("avg", "sum"), "no such op")
            depth = cv2.CV_64F if case.result_dtype == np.float64 else cv2.CV_32F
            target = np.zeros(picture.shape, np.float64 if depth == cv2.CV_64F else np.float32)
            mean, zeros = case.op == "avg", cv2.BORDER_CONSTANT
            call = lambda: cv2.boxFilter(  # noqa: E731
                picture, depth, (width, height), dst=target, normalize=mean, borderType=zeros
            )
        return Contender(call, lambda _: back(_every_stride(case, target, spatial=(0, 1))))


def _every_stride(case: Case, full: Array, spatial: tuple[int, ...]) -> Array:
    """The outputs of a pooling, picked from a filter whose output at i is centred there (window i - k//2 ...)."""
    pick = [slice(None)] * full.ndim
    for i, axis in enumerate(spatial):
        first = case.kernel[i] // 2 - case.padding[i]
        need(first >= 0, "padding beyond half of the window")
        stop = first + (case.result_shape[case.axes[i]] - 1) * case.stride[i] + 1
        need(stop <= full.shape[axis], "a window is centred outside the array")
        pick[axis] = slice(first, stop, case.stride[i])
    return full[tuple(pick)]


class Scipy:
    """scipy.ndimage's filters at stride 1, sliced where the stride is larger."""

    def __init__(self, threads: int) -> None:
        self.ndimage = import_module("scipy.ndimage")
        self.version = str(import_module("scipy").__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("scipy",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        need(case.op in ("max", "min", "avg", "median"), "no such op")
        size = [1] * x.ndim
        for axis, kernel in zip(case.axes, case.kernel, strict=True):
            size[axis] = kernel
        output = np.zeros(x.shape, case.result_dtype)
        limits = np.iinfo(x.dtype) if x.dtype.kind in "iu" else np.finfo(x.dtype)
        name, border = {
            "max": ("maximum_filter", limits.min),
            "min": ("minimum_filter", limits.max),
            "avg": ("uniform_filter", 0),
            "median": ("median_filter", 0),
        }[case.op]
        function = getattr(self.ndimage, name)
        return Contender(
            lambda: function(x, size, output=output, mode="constant", cval=border),
            lambda _: _every_stride(case, output, case.axes),
        )


class ScikitImage:
    def __init__(self, threads: int) -> None:
        self.measure = import_module("skimage.measure")
        self.version = str(import_module("skimage").__version__)

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("scikit-image",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        need(case.is_blocks, "whole blocks only")
        functions = {"max": np.max, "min": np.min, "sum": np.sum, "avg": np.mean}
        need(case.op in functions, "no such op")
        size = [1] * x.ndim
        for axis, kernel in zip(case.axes, case.kernel, strict=True):
            size[axis] = kernel
        block_reduce, function = self.measure.block_reduce, functions[case.op]
        return Contender(lambda: block_reduce(x, tuple(size), function), lambda result: result)


class Numpy:
    """numpy's reshape trick: each pooled axis becomes two, and one of them is reduced."""

    def __init__(self, threads: int) -> None:
        self.version = np.__version__

    def labels(self, case: Case) -> tuple[str, ...]:
        return ("numpy",)

    def prepare(self, label: str, case: Case, x: Array) -> Contender:
        need(case.is_blocks, "whole blocks only")
        names = {"max": "max", "min": "min", "sum": "sum", "avg": "mean"}
        need(case.op in names, "no such op")
        shape: list[int] = []
        reduced: list[int] = []
        for axis, size in enumerate(x.shape):
            if axis in case.axes:
                kernel = case.kernel[case.axes.index(axis)]
                reduced.append(len(shape) + 1)
                shape += [size // kernel, kernel]
            else:
                shape.append(size)
        method, axes = names[case.op], tuple(reduced)
        return Contender(lambda: getattr(x.reshape(shape), method)(axis=axes), lambda result: result)
