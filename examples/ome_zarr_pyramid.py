"""Writes a stack of cells, or one of yours, as an OME-Zarr image with three smaller levels, in bounded memory.

It needs dask and zarr. Kill it and run it again: it goes on where it was, and no half-written image is ever seen.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import zarr
from dask.diagnostics import ProgressBar

from tilepool.ome_zarr import open_image, write_pyramid


def draw(path: Path, size: int) -> None:
    """A stack of noisy cells, drawn block by block, so that it may be larger than memory."""
    rng = np.random.default_rng(0)
    stack = zarr.create_array(path, shape=(size // 2, size, size + 1), chunks=(64, 64, 64), dtype="uint16")
    for above, left in product(range(0, size // 2, 64), range(0, size, 64)):
        depth, rows = slice(above, min(above + 64, size // 2)), slice(left, min(left + 64, size))
        z, y, x = np.ogrid[depth, rows, : size + 1]
        stack[depth, rows] = rng.poisson(100 + 900 * (np.sin(z / 20) * np.sin(y / 15) * np.sin(x / 28)) ** 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write an image and smaller levels of it as OME-Zarr.")
    parser.add_argument("output", type=Path, help="the image to write, a new folder")
    parser.add_argument("--input", type=Path, help="an array of zarr or .npy (default: one is drawn beside the output)")
    parser.add_argument("--size", type=int, default=256, help="of the stack that is drawn (%(default)s)")
    parser.add_argument("--op", default="avg", help="what is kept of 2 x 2 x 2 cells: mode for labels (%(default)s)")
    parser.add_argument("--memory", default="1GB", help="what the process may take (%(default)s)")
    given = parser.parse_args()

    stack: Path = given.input or given.output.with_name("stack.zarr")
    if not stack.exists():
        draw(stack, given.size)
    x, known = open_image(stack)
    with ProgressBar():
        write_pyramid(x, given.output, levels=3, op=given.op, memory=given.memory, **known)

    for level in zarr.open_group(given.output, mode="r").attrs["ome"]["multiscales"][0]["datasets"]:
        array = zarr.open_array(given.output / level["path"], mode="r")
        print(level["path"], array.dtype, array.shape, "cells of", level["coordinateTransformations"][0]["scale"])


if __name__ == "__main__":
    main()
