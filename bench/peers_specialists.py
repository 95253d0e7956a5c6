"""The specialists: libraries of images, labels and series, and what has to be done before their functions are timed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from ops import Array
from peers_in_c import Ipp, LibYuv, LiteRt
from specialist import Run, Specialist, Wrapped


class Tilepool(Specialist):
    target = "out"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.library.set_threads(self.threads)
        core = import_module("tilepool._core")
        self.isa, self.path = core.get_isa(), core.__file__

    def masked_avg_of(self, x: Array, *arguments: Any, **keywords: Any) -> Run:
        return partial(self.library.avg_pool, x, *arguments, mask=x != 0, **keywords)

    def pyramid_of(self, x: Array, levels: int, *arguments: Any, **keywords: Any) -> Run:
        def run() -> list[Array]:
            made = [x]
            for _ in range(levels):
                made.append(self.library.avg_pool(made[-1], *arguments, **keywords))
            return made

        return run

    def extremes_of(self, x: Array, size: int) -> Run:
        """The places of the smallest and the largest of each window, in order."""
        pools = (self.library.min_pool, self.library.max_pool)

        def run() -> Array:
            places = np.stack([pool(x, size, axis=0, return_indices=True)[1] for pool in pools], 1)
            places.sort(1)
            return places.ravel()

        return run


class OpenCv(Specialist):
    target = "dst"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.library.setNumThreads(self.threads)

    def dilate_of(self, x: Array, size: int) -> Run:
        return partial(self.library.dilate, x, np.ones((size, size), np.uint8))


class Scipy(Specialist):
    target = "output"


class ScikitImage(Specialist):
    target = "out"

    def rank_median_of(self, x: Array, size: int) -> Run:
        return partial(self.library.rank.median, x, np.ones((size, size), np.uint8))


class Numpy(Specialist):
    """What one writes without a library."""

    def nanmean_of(self, x: Array, size: int) -> Run:
        return lambda: np.nanmean(x.reshape(x.shape[0] // size, size, -1, size), axis=(1, 3))

    def ma_mean_of(self, x: Array, size: int) -> Run:
        masked = np.ma.masked_equal(x, 0)
        return lambda: masked.reshape(x.shape[0] // size, size, -1, size).mean(axis=(1, 3))


class Pillow(Wrapped):
    def wrap(self, x: Array) -> Any:
        return self.library.fromarray(x)

    def box_blur_of(self, x: Array, radius: int) -> Run:
        return partial(self.wrap(x).filter, import_module("PIL.ImageFilter").BoxBlur(radius))


class PyVips(Wrapped):
    def function(self, name: str) -> Callable[..., Run]:
        method = super().function(name)
        return lambda x, *arguments: lambda: method(x, *arguments)().numpy()  # it is calculated when it is asked for

    def wrap(self, x: Array) -> Any:
        self.library.cache_set_max(0)  # else it remembers the result
        return self.library.Image.new_from_array(x)


class SimpleItk(Specialist):
    def function(self, name: str) -> Callable[..., Run]:
        method = getattr(self.library, name)
        return lambda x, *arguments: partial(method, self.library.GetImageFromArray(x), *arguments)

    def array(self, result: Any) -> Array:
        return np.asarray(self.library.GetArrayFromImage(result))


class DipLib(Specialist):
    def VarianceFilter_of(self, x: Array, size: int) -> Run:  # noqa: N802 # theirs
        return partial(
            self.library.VarianceFilter, self.library.Image(x), self.library.Kernel([size, size], "rectangular")
        )


class Screamer(Specialist):
    def function(self, name: str) -> Callable[..., Run]:
        return lambda x, *arguments: partial(getattr(self.library, name)(*arguments), x)


class Pandas(Wrapped):
    def rolling_of(self, x: Array, name: str, *arguments: Any, **keywords: Any) -> Run:
        series = self.wrap(x)
        return lambda: getattr(series.rolling(*arguments, **keywords), name)()


class Xarray(Specialist):
    def coarsen_of(self, x: Array, **windows: int) -> Run:
        field = self.library.DataArray(x, dims=("time", "lat", "lon"))
        return lambda: field.coarsen(windows, boundary="trim").mean()


class Astropy(Specialist):
    def convolve_of(self, x: Array, size: int) -> Run:
        return partial(self.library.convolve, x, np.ones((size, size)), boundary=None, nan_treatment="interpolate")


class TensorStore(Specialist):
    def downsample_of(self, x: Array, factors: list[int], method: str) -> Run:
        context = self.library.Context({"data_copy_concurrency": {"limit": self.threads}})
        view = self.library.downsample(self.library.array(x, context=context), factors, method)
        return lambda: view.read().result()


class TsDownsample(Specialist):
    def MinMaxDownsampler_of(self, x: Array, points: int) -> Run:  # noqa: N802 # theirs
        return partial(self.library.MinMaxDownsampler().downsample, x, n_out=points, parallel=self.threads > 1)


class Numba(Specialist):
    """Loops over 2 x 2 cells as one writes them by hand, each row of the result by one of the threads."""

    def blocks_of(self, x: Array, what: str) -> Run:
        prange, cell, quarter = self.library.prange, x.dtype.type, x.dtype.type(0.25)

        def largest(a: Any, b: Any, c: Any, d: Any) -> Any:
            return max(max(a, b), max(c, d))

        def average(a: Any, b: Any, c: Any, d: Any) -> Any:
            return cell((a + b + c + d) * quarter)

        combine = self.library.njit(largest if what == "max" else average)

        @self.library.njit(parallel=True)  # type: ignore[untyped-decorator]
        def pool(x: Array, y: Array) -> Array:
            for i in prange(y.shape[0]):
                for j in range(y.shape[1]):
                    y[i, j] = combine(
                        x[2 * i, 2 * j], x[2 * i, 2 * j + 1], x[2 * i + 1, 2 * j], x[2 * i + 1, 2 * j + 1]
                    )
            return y

        return partial(pool, x, np.zeros((x.shape[0] // 2, x.shape[1] // 2), x.dtype))


# The class, the module that is imported, and the package whose version counts.
SPECIALISTS: dict[str, tuple[type[Specialist], str, str]] = {
    "tilepool": (Tilepool, "tilepool", ""),
    "opencv": (OpenCv, "cv2", "opencv-python-headless"),
    "libyuv": (LibYuv, "libyuv.so.0", ""),
    "ipp": (Ipp, "", "ipp"),
    "tinybrain": (Specialist, "tinybrain", "tinybrain"),
    "tensorstore": (TensorStore, "tensorstore", "tensorstore"),
    "pillow": (Pillow, "PIL.Image", "pillow"),
    "pyvips": (PyVips, "pyvips", "pyvips"),
    "simpleitk": (SimpleItk, "SimpleITK", "SimpleITK"),
    "diplib": (DipLib, "diplib", "diplib"),
    "scikit-image": (ScikitImage, "skimage.filters", "scikit-image"),
    "scipy": (Scipy, "scipy.ndimage", "scipy"),
    "astropy": (Astropy, "astropy.convolution", "astropy"),
    "xarray": (Xarray, "xarray", "xarray"),
    "numpy": (Numpy, "numpy", "numpy"),
    "numba": (Numba, "numba", "numba"),
    "bottleneck": (Specialist, "bottleneck", "bottleneck"),
    "numbagg": (Specialist, "numbagg", "numbagg"),
    "ta-lib": (Specialist, "talib", "ta-lib"),
    "polars": (Wrapped, "polars", "polars"),
    "pandas": (Pandas, "pandas", "pandas"),
    "screamer": (Screamer, "screamer", "screamer"),
    "tsdownsample": (TsDownsample, "tsdownsample", "tsdownsample"),
    "litert": (LiteRt, "ai_edge_litert.interpreter", "ai-edge-litert"),
}


def specialist(name: str, threads: int) -> Specialist:
    kind, module, package = SPECIALISTS[name]
    return kind(name, module, package, threads)
