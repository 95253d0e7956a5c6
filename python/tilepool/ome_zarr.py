"""Pyramids on disk: an array of any size to an OME-Zarr image, block by block, in bounded memory, resumable.

`dask` and `zarr` do the work around the poolings. They are imported late: `pip install 'dask[array]' zarr`.
"""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arguments as arguments
from ._arguments import for_each, shown
from ._core import __version__
from ._functions.pyramids import pyramid, sizes_of
from ._pyramid_blocks import UNFINISHED, Journal, Plan, graph, shrunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._types import Integers

__all__ = ["open_image", "write_pyramid"]

KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
# Of x where it has no chunks of its own, along each axis of a space of so many: one to four megabytes of uint16.
CHUNKS = {1: 2**20, 2: 1024, 3: 128}
# What a process takes with dask and zarr loaded, and how often a block of x lies in memory while it is read, decoded,
# pooled and encoded.
BASE_MEMORY, COPIES = 250_000_000, 4


def write_pyramid(
    x: Any,
    path: str | os.PathLike[str],
    levels: int | None = None,
    op: str = "avg",
    kernel_size: Integers = 2,
    *,
    factors: Sequence[Integers] | None = None,
    axes: str | None = None,
    scale: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    chunks: Integers | None = None,
    memory: int | str = "1GB",
    **options: Any,
) -> None:
    """Write x and the levels of its `tilepool.pyramid` as an OME-Zarr image (version 0.5), whatever the size of x.

    Each level is read once, block by block, for the next one, in a graph of dask: ``with ProgressBar():`` shows how
    far it is, and a ``distributed.Client`` shares the blocks among its workers. The image has its name when it is
    complete; until then it is ``path + ".partial"``, where the same call goes on after its process was killed.

    Parameters
    ----------
    x : array
        A zarr array, a dask array, a ``numpy.memmap``, or anything with ``shape``, ``dtype`` and slices. Chunks of a
        zarr array (of format 3, in a folder) are copied as they are, and the levels encoded as x is.
    path : str or path-like
        Of a folder that does not exist.
    levels, op, kernel_size, factors, **options
        As in `tilepool.pyramid`. Windows have a size along each of the axes of space.
    axes : str, optional
        A letter for each axis of x: some of "tczyx", in this order. Default: the last ones.
    scale, units : mapping, optional
        Of letters to the size of a cell, and to the name of its unit, ``{"z": 0.5}`` and ``{"z": "micrometer"}``.
    chunks : int or tuple of int, optional
        Those of all levels, along each axis of x. Default: those of x, or ones of some megabytes.
    memory : int or str, default "1GB"
        What the process may take, in bytes: so many blocks are worked on at once. (Under ``distributed`` it is the
        workers' to know.)

    Raises
    ------
    FileExistsError
        `path` exists, or another call's unfinished image does.
    BlockingIOError
        Another process is writing this image.
    ValueError
        `memory` does not hold a block; or as `tilepool.pyramid`.

    Examples
    --------
    >>> import zarr
    >>> from dask.diagnostics import ProgressBar
    >>> from tilepool.ome_zarr import write_pyramid
    >>> with ProgressBar():  # doctest: +SKIP
    ...     write_pyramid(zarr.open_array("stack.zarr"), "stack.ome.zarr", levels=3, axes="zyx")
    """
    import dask
    from dask.utils import parse_bytes

    axes = axes_of(x, axes)
    space = tuple(axis for axis, letter in enumerate(axes) if KINDS[letter] == "space")
    steps = steps_of(len(axes), space, sizes_of(levels, kernel_size, factors))
    wanted = {"op": op, "axis": tuple(range(len(axes))), "threads": 1, **options}
    for name, given in (("scale", scale), ("units", units)):
        if given is not None and not set(given) <= set(axes):
            raise ValueError(f"{name} must be of axes among {axes!r}, not {shown(given)}")
    if "mask" in options:
        raise TypeError("write_pyramid has no argument 'mask'")
    pyramid(np.zeros((1,) * len(axes), x.dtype), factors=steps, **wanted)  # refuses what no block takes
    chunk = chunks_of(x, space, chunks)
    plans = [Plan(step, block) for step, block in zip(steps, blocks_of(x, steps, chunk), strict=True)]
    need = COPIES * x.dtype.itemsize * max(prod(plan.block) for plan in plans)
    workers = (parse_bytes(memory) - BASE_MEMORY) // need
    if workers < 1:
        raise ValueError(f"memory must be at least {BASE_MEMORY + need} with chunks of {chunk}, not {shown(memory)}")
    workers = min(workers, len(os.sched_getaffinity(0)))

    target = Path(path)
    if target.exists():
        raise FileExistsError(f"path must not exist, as {str(target)!r} does")
    unfinished = target.with_name(target.name + UNFINISHED)
    job = {"shape": x.shape, "dtype": str(x.dtype), "axes": axes, "steps": steps, "chunks": chunk, "op": op}
    with Journal(unfinished, job | {name: repr(value) for name, value in options.items()}) as journal:
        arrays = create(unfinished, x, steps, chunk, axes)
        dask.compute(*graph(x, arrays, plans, wanted, journal), num_workers=workers)
        for leftover in unfinished.rglob(f"*{UNFINISHED}"):  # of a process that was killed
            leftover.unlink()
        image = {"name": target.name.partition(".")[0], **multiscales(axes, steps, scale or {}, units or {})}
        image |= {"type": op, "metadata": {"method": "tilepool.pyramid", "version": __version__}}
        zarr_group(unfinished).attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        journal.path.unlink()
        unfinished.rename(target)


def open_image(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Open what `write_pyramid` takes: a zarr array, the first level of an OME-Zarr image, or a file of ``numpy.save``.

    Parameters
    ----------
    path : str or path-like
        Of the file or folder.

    Returns
    -------
    array
        Of zarr, or a ``numpy.memmap``.
    dict
        What is known of it: "axes", "scale" and "units" as `write_pyramid` takes them.
    """
    if Path(path).is_file():
        return np.load(path, mmap_mode="r"), {}
    import zarr

    found: Any = zarr.open(path, mode="r")
    if isinstance(found, zarr.Array):
        return found, {}
    image = found.attrs.get("ome", found.attrs).get("multiscales", [None])[0]  # version 0.5 and later, and before
    if image is None:
        raise ValueError(f"path must be that of an array or of an OME-Zarr image, not {str(path)!r}")
    first, axes = image["datasets"][0], image["axes"]
    scale = next(move["scale"] for move in first["coordinateTransformations"] if move["type"] == "scale")
    known = {
        "axes": "".join(axis["name"] for axis in axes),
        "scale": {axis["name"]: size for axis, size in zip(axes, scale, strict=True)},
        "units": {axis["name"]: axis["unit"] for axis in axes if "unit" in axis},
    }
    return found[first["path"]], known


# ---- what is to be done ----------------------------------------------------------------------------------------------


def axes_of(x: Any, axes: object) -> str:
    ndim = len(x.shape)
    if axes is None:
        axes = "tczyx"[-ndim:] if ndim <= 5 else ""
    letters = axes if isinstance(axes, str) else ""
    places = ["tczyx".find(letter) for letter in letters]
    if len(letters) != ndim or -1 in places or sorted(set(places)) != places or not set(letters) & set("zyx"):
        raise ValueError(f"axes must be {ndim} of the letters 'tczyx', in this order, not {shown(axes)}")
    return letters


def steps_of(ndim: int, space: tuple[int, ...], sizes: list[Any]) -> list[tuple[int, ...]]:
    """The windows of each level along all axes."""
    if not sizes:
        raise ValueError("levels must be positive, not 0")
    steps = []
    for size in sizes:
        each = dict(zip(space, for_each("factors", arguments.positive("factors", size), len(space)), strict=True))
        steps.append(tuple(each.get(axis, 1) for axis in range(ndim)))
    return steps


def chunks_of(x: Any, space: tuple[int, ...], chunks: object) -> tuple[int, ...]:
    """What is written at once, of every level."""
    if chunks is not None:
        return for_each("chunks", arguments.positive("chunks", chunks), len(x.shape))
    usual = tuple(CHUNKS[len(space)] if axis in space else 1 for axis in range(len(x.shape)))
    return tuple(min(size, n) for size, n in zip(own_chunks(x) or usual, x.shape, strict=True))


def own_chunks(x: Any) -> tuple[int, ...] | None:
    """What is read at once of x: chunks, or shards where it has these."""
    own = getattr(x, "shards", None) or getattr(x, "chunksize", None) or getattr(x, "chunks", None)
    return None if own is None else tuple(map(int, own))


def blocks_of(x: Any, steps: list[tuple[int, ...]], chunk: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The blocks of each level that are read for the next: what makes whole chunks there, no less than a chunk here."""
    read, shape = own_chunks(x) or chunk, x.shape
    for step in steps:
        parts = zip(read, chunk, step, shape, strict=True)
        yield tuple(min(s * c * -(-r // (s * c)), s * -(-n // s)) for r, c, s, n in parts)
        read, shape = chunk, shrunk(shape, step)


# ---- arrays on disk --------------------------------------------------------------------------------------------------


def zarr_group(folder: Path) -> Any:
    import zarr

    return zarr.open_group(folder, mode="a", zarr_format=3)


def create(folder: Path, x: Any, steps: list[tuple[int, ...]], chunk: tuple[int, ...], axes: str) -> list[Any]:
    """The arrays of all levels, encoded as x is where that is a zarr array of format 3; those that exist are kept."""
    encoding: dict[str, Any] = {"chunks": chunk}
    if getattr(getattr(x, "metadata", None), "zarr_format", None) == 3 and own_chunks(x) == chunk:
        names = ("chunks", "shards", "filters", "compressors", "serializer", "fill_value")
        encoding = {name: getattr(x, name) for name in names}
    group, arrays, shape = zarr_group(folder), [], tuple(x.shape)
    for number, step in enumerate([*steps, (1,) * len(axes)]):
        if str(number) not in group:
            group.create_array(str(number), shape=shape, dtype=x.dtype, dimension_names=list(axes), **encoding)
        arrays.append(group[str(number)])
        shape = shrunk(shape, step)
    return arrays


def multiscales(
    axes: str, steps: list[tuple[int, ...]], scale: Mapping[str, float], units: Mapping[str, str]
) -> dict[str, Any]:
    """What makes an image of the arrays: https://ngff.openmicroscopy.org/0.5"""
    cell, size, datasets = [float(scale.get(letter, 1)) for letter in axes], [1] * len(axes), []
    for number, step in enumerate([(1,) * len(axes), *steps]):
        size = [n * s for n, s in zip(size, step, strict=True)]
        scales = [c * n for c, n in zip(cell, size, strict=True)]
        middles = [c * (n - 1) / 2 for c, n in zip(cell, size, strict=True)]  # of the first cell
        moves = [{"type": "scale", "scale": scales}, {"type": "translation", "translation": middles}]
        datasets.append({"path": str(number), "coordinateTransformations": moves})
    named = [{"name": letter, "type": KINDS[letter]} for letter in axes]
    for axis in named:
        if axis["name"] in units:
            axis["unit"] = units[axis["name"]]
    return {"axes": named, "datasets": datasets}
