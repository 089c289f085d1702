"""The U-Net, and nothing else.

Takes a normalised colour picture, gives class logits and a core map. The core map is high inside
each islet and falls to zero at its outline and along every contact with a neighbour; its maxima
are the seeds from which touching islets are split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of a U-Net: channels of each level, finest first, and its classes.

    Weights store these fields as text, so that a file of weights rebuilds its own network.
    """

    channels: tuple[int, ...] = (16, 32, 64, 96, 128)
    classes: tuple[str, ...] = ("background", "exocrine", "islet")

    @property
    def multiple_px(self) -> int:
        """Height and width of the input must be multiples of this."""
        return 1 << (len(self.channels) - 1)

    def to_text(self) -> dict[str, str]:
        """Write the fields as text."""
        return {"channels": ",".join(map(str, self.channels)), "classes": ",".join(self.classes)}

    @staticmethod
    def from_text(text: Mapping[str, str]) -> Architecture:
        """Inverse of ``to_text``."""
        return Architecture(
            channels=tuple(int(c) for c in text["channels"].split(",")),
            classes=tuple(text["classes"].split(",")),
        )


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """A small U-Net: two convolutions a level down, one a level up, bilinear upsampling.

    Parameters
    ----------
    architecture : channels a level and class names
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        channels = architecture.channels
        inputs = (3, *channels[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_conv(i, o), _conv(o, o)) for i, o in zip(inputs, channels, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(deep, fine, 1) for fine, deep in pairwise(channels))
        self.up = nn.ModuleList(_conv(2 * fine, fine) for fine in channels[:-1])
        self.head = nn.Conv2d(channels[0], len(architecture.classes) + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, 3, Y, X) to (N, classes + 1, Y, X) logits; the last channel is the core map."""
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Activations of each level, finest first; the last are what the picture shows."""
        levels: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else functional.max_pool2d(x, 2))
            levels.append(x)
        return levels

    def decode(self, skips: list[Tensor]) -> Tensor:
        """Logits from the activations of ``encode``, which are used up and let go one by one."""
        x = skips.pop()
        for narrow, up in zip(reversed(self.narrow), reversed(self.up), strict=True):
            x = functional.interpolate(narrow(x), scale_factor=2.0, mode="bilinear")
            x = torch.cat((skips.pop(), x), dim=1)
            x = up(x)
        logits: Tensor = self.head(x)[:, : len(self.architecture.classes) + 1]
        return logits


def fused(network: UNet) -> UNet:
    """Fold each batch norm into its convolution; the network is ready for inference only."""
    network.eval()
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            module[0] = fuse_conv_bn_eval(module[0], cast("nn.BatchNorm2d", module[1]))
            module[1] = nn.Identity()
    network.head = _widened(network.head)
    return network


def _widened(head: nn.Conv2d) -> nn.Conv2d:
    """Fill the head up with empty outputs: with fewer than 16 its last bits depend on threads."""
    empty = -head.out_channels % 16
    wide = nn.Conv2d(head.in_channels, head.out_channels + empty, 1)
    weights = head.state_dict()
    weight = functional.pad(weights["weight"], (0, 0, 0, 0, 0, 0, 0, empty))
    wide.load_state_dict({"weight": weight, "bias": functional.pad(weights["bias"], (0, empty))})
    return wide


def channels_last(network: UNet) -> UNet:
    """Lay the weights out for pictures whose channels lie next to each other in memory."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
