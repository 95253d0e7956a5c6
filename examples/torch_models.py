"""Whole models of torch before and after `tilepool.torch.replace`: times, and how far apart results and gradients are.

    python examples/torch_models.py [--threads 1] [--rounds 7] [--image 224]

Weights are random. With torchvision, ResNet-18 and DenseNet-121 are among the models. Differences are those of the same
model in float64: in float32 the roundings of an average, which differ, grow on the way through a deep network.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

import tilepool
import tilepool.torch


class Block(nn.Sequential):
    """Convolution, normalisation and activation, as YOLO has them."""

    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1) -> None:
        convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(after), nn.SiLU())


class SPPF(nn.Module):
    """Three maxima of 5×5 after each other, which see 5, 9 and 13 cells."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before, self.after = Block(channels, channels // 2, 1), Block(channels * 2, channels, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.before(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.after(torch.cat(parts, 1))


class SPP(nn.Module):
    """Maxima of 5×5, 9×9 and 13×13 beside each other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before, self.after = Block(channels, channels // 2, 1), Block(channels * 2, channels, 1)
        self.pools = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.after(torch.cat([x, *(pool(x) for pool in self.pools)], 1))


def yolo(neck: type[nn.Module]) -> nn.Module:
    """A backbone that halves the image five times, with a neck of pyramid pooling, to one vector for each image."""
    sizes = (3, 16, 32, 64, 128, 256)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [Block(before, after, stride=2), Block(after, after, 1)]
    return nn.Sequential(*layers, neck(sizes[-1]), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def models() -> dict[str, Callable[[], nn.Module]]:
    result: dict[str, Callable[[], nn.Module]] = {
        "YOLO backbone, SPPF": lambda: yolo(SPPF),
        "YOLO backbone, SPP": lambda: yolo(SPP),
    }
    try:
        from torchvision.models import densenet121, resnet18
    except ImportError:
        return result
    return {"resnet18": resnet18, "densenet121": densenet121, **result}


def step(model: nn.Module, x: Tensor, training: bool) -> list[Tensor]:
    """Outputs; in training the gradients of all parameters, too."""
    if not training:
        with torch.no_grad():
            return [model(x)]
    model.zero_grad(set_to_none=True)
    y = model(x)
    y.square().mean().backward()
    return [y.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def seconds(run: Callable[[], Any], threads: int) -> float:
    """CPU time of one thread, which other work on the machine does not change much; else time on the clock."""
    clock = time.process_time if threads == 1 else time.perf_counter
    begin = clock()
    run()
    return clock() - begin


def difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest difference of two tensors, as a share of the largest number in them."""
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-30)) for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--image", type=int, default=224)
    parser.add_argument("--batch", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tilepool.set_threads(given.threads)

    print(f"torch {torch.__version__}, {given.threads} thread(s), {given.batch}×3×{given.image}×{given.image}, ms\n")
    print("| model | memory format | what | torch | tilepool | ratio | largest difference |")
    print("|---|---|---|---|---|---|---|")
    for name, make in models().items():
        for memory_format in (torch.contiguous_format, torch.channels_last):
            torch.manual_seed(0)
            before: Any = make().to(memory_format=memory_format)
            x = torch.randn(given.batch, 3, given.image, given.image).to(memory_format=memory_format)
            after = copy.deepcopy(before)
            replaced = tilepool.torch.replace(after)
            assert replaced.replaced
            for training in (False, True):
                before.train(training), after.train(training)
                exact = [copy.deepcopy(model).double() for model in (after, before)]
                error = difference(*(step(model, x.double(), training) for model in exact))
                turns = (partial(step, model, x, training) for _ in range(given.rounds) for model in (before, after))
                times = [seconds(turn, given.threads) for turn in turns]
                pairs = list(zip(times[::2], times[1::2], strict=True))
                old, new = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
                ratio = statistics.median(b / a for a, b in pairs)
                what = "training step" if training else "inference"
                words = str(memory_format).removeprefix("torch.").removesuffix("_format").replace("_", " ")
                print(f"| {name} | {words} | {what} | {old:.1f} | {new:.1f} | {ratio:.2f} | {error:.1e} |", flush=True)


if __name__ == "__main__":
    main()
