"""The paper's network and its training in PyTorch, to compare speed with; PyTorch is no dependency of blastscreen."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from blastscreen.models.network import DENSE_UNITS, DROPOUT_RATES, FILTERS
from blastscreen.parameters import CnnParameters


class TorchTraining:
    """Trains and asks the network; pixels are NCHW tensors in the memory order that is the fastest on processors."""

    def __init__(self, settings: CnnParameters) -> None:
        """Build the network, with its optimiser and loss."""
        torch.set_num_threads(settings.n_threads or torch.get_num_threads())
        torch.manual_seed(settings.seed)
        self._settings = settings
        self.network = build_network(settings.input_side).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)
        self._loss = nn.BCEWithLogitsLoss()

    def train_epoch(self, pixels: Any, labels: Any) -> None:
        """Go through all cells once, in random order, turned and mirrored at random."""
        self.network.train()
        for chosen in torch.randperm(len(pixels)).split(self._settings.batch_size):
            self._optimizer.zero_grad()
            loss = self._loss(self.network(augment(pixels[chosen].float(), self._settings) / 255), labels[chosen])
            loss.backward()
            self._optimizer.step()

    def predict(self, pixels: Any) -> NDArray[np.float32]:
        """Give the probability of each cell, shape (n,)."""
        self.network.eval()
        with torch.inference_mode():
            batches = [self.network(part.float() / 255) for part in pixels.split(self._settings.batch_size)]
            probabilities: NDArray[np.float32] = torch.sigmoid(torch.cat(batches))[:, 0].numpy()
        return probabilities


def as_tensor(pixels: NDArray[np.uint8]) -> Any:
    """Turn (n, side, side, 3) into the tensor that `TorchTraining` takes."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def build_network(side: int) -> nn.Sequential:
    """Build the paper's network, up to the last weighted sum: (n, 3, side, side) 0 to 1 to (n, 1)."""
    layers: list[nn.Module] = []
    for before, filters in zip((3, *FILTERS), FILTERS, strict=False):
        layers += [nn.Conv2d(before, filters, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(filters), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    units = FILTERS[-1] * (side // 2 ** len(FILTERS)) ** 2
    for wanted, rate in zip(DENSE_UNITS, DROPOUT_RATES, strict=True):
        layers += [nn.Linear(units, wanted), nn.ReLU(), nn.Dropout(rate)]
        units = wanted
    return nn.Sequential(*layers, nn.Linear(units, 1))


def augment(pixels: Any, settings: CnnParameters) -> Any:
    """Turn, mirror and shift each cell at random, as `blastscreen.models.augmentation.augment_cells` does."""
    n = len(pixels)
    angle = (torch.rand(n) * 2 - 1) * float(np.deg2rad(settings.rotation_degrees))
    flips = [torch.where(torch.rand(n) < 0.5, -1.0, 1.0) if wanted else torch.ones(n) for wanted in _flips(settings)]
    # from -1 to 1 across the frame
    shifts = [(torch.rand(n) * 2 - 1) * 2 * settings.shift_fraction for _ in range(2)]
    rows = [
        torch.stack([flips[0] * angle.cos(), -flips[0] * angle.sin(), shifts[0]], dim=1),
        torch.stack([flips[1] * angle.sin(), flips[1] * angle.cos(), shifts[1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(pixels.shape), align_corners=True)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def _flips(settings: CnnParameters) -> tuple[bool, bool]:
    return settings.horizontal_flip, settings.vertical_flip
