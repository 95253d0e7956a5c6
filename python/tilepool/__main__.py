"""`python -m tilepool` shows in a second whether an install works; with `pyramid IN OUT` it writes an image."""

import argparse
from pathlib import Path

import numpy as np

from . import max_pool, show_config


def write(given: argparse.Namespace) -> None:
    from dask.diagnostics import ProgressBar

    from .ome_zarr import open_image, write_pyramid

    x, known = open_image(given.input)
    if given.axes is not None:
        known["axes"] = given.axes
    with ProgressBar():
        write_pyramid(x, given.output, given.levels, given.op, memory=given.memory, **known)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tilepool", description="Without a command: does this install work?")
    pyramid = parser.add_subparsers(title="commands", metavar="").add_parser(
        "pyramid", help="write an array as an OME-Zarr image with smaller levels, block by block"
    )
    pyramid.add_argument("input", type=Path, help="a zarr array, an OME-Zarr image or an .npy file")
    pyramid.add_argument("output", type=Path, help="the image to write; the same command resumes one that was killed")
    pyramid.add_argument("--op", default="avg", help="avg, max, min, median, or mode for labels (%(default)s)")
    pyramid.add_argument("--levels", type=int, default=3, help="how many follow the first one (%(default)s)")
    pyramid.add_argument("--axes", help='a letter for each axis, of "tczyx" (those of the image, or the last ones)')
    pyramid.add_argument("--memory", default="1GB", help="what the process may take (%(default)s)")
    given = parser.parse_args()
    if "input" in given:
        try:
            write(given)
        except (ImportError, OSError, TypeError, ValueError) as error:
            cure = ": pip install 'dask[array]' zarr" if isinstance(error, ImportError) else ""
            parser.exit(1, f"{parser.prog} pyramid: {error}{cure}\n")
        return
    show_config()
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    print(f"\nx of shape {x.shape}:\n{x}\n\nmax_pool(x, 2):\n{max_pool(x, 2)}")


if __name__ == "__main__":
    main()
