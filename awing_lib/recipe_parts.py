"""What a recipe asks for, made: faces, images, targets, loss, optimiser, step size, validation. The trainer's parts."""

import math
import os

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from awing_lib.dataset_prediction import predict_faces
from awing_lib.datasets.converted import ConvertedFaces
from awing_lib.datasets.joined import JoinedFaces
from awing_lib.datasets.opening import open_dataset
from awing_lib.datasets.sample import FaceDataset
from awing_lib.fused_loss import fused_adaptive_wing_loss
from awing_lib.layouts import LAYOUTS, LandmarkLayout
from awing_lib.loading import worker_count
from awing_lib.losses import adaptive_wing_loss, wing_loss
from awing_lib.metrics import normalized_mean_error
from awing_lib.normalizers import face_normalizers
from awing_lib.recipes import LossRecipe, Recipe, TrainingRecipe
from awing_lib.targets import TargetMaker


def open_faces(recipe: Recipe, root: str | os.PathLike | None) -> tuple[FaceDataset, FaceDataset | None]:
    """The faces to train on and those to validate on (None: none) of a recipe."""
    data, seed = recipe.data, recipe.training.seed
    layout = LandmarkLayout.from_yaml(data.layout) if data.layout else None
    if data.points:
        layout = next(known for known in LAYOUTS.values() if known.count == data.points)
    if data.dataset == "synthetic":
        faces = open_dataset("synthetic", count=data.faces, layout=layout, seed=seed)
        # seeds of runs end before 2**30, so no run trains on what another one validates on
        return faces, open_dataset("synthetic", count=data.val_faces, layout=layout, seed=seed + 2**30)
    faces = open_dataset(data.dataset, root, data.train_split, layout=layout)
    val_faces = open_dataset(data.dataset, root, data.val_split, layout=layout) if data.val_split else None
    if data.points:
        faces = ConvertedFaces(faces, layout)
        val_faces = ConvertedFaces(val_faces, layout) if val_faces is not None else None
    if data.synthetic_faces:
        made = open_dataset("synthetic", count=data.synthetic_faces, layout=faces.layout, seed=seed)
        faces = JoinedFaces(faces, made)
    return faces, val_faces


def to_images(pixels: Tensor, channels_last: bool = False) -> Tensor:
    """Pixels (N, 3, S, S) uint8 as the network takes them: float32 in [0, 1]."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return pixels.to(torch.float32, memory_format=layout).div_(255)


def target_maker(layout: LandmarkLayout, recipe: Recipe) -> TargetMaker:
    """What makes a recipe's targets from landmarks."""
    loss, size = recipe.loss, recipe.data.size
    return TargetMaker(
        layout,
        crop=size,
        size=size // 4,
        sigma=loss.sigma,
        boundary=recipe.network.boundary,
        threshold=loss.weight_threshold,
        weight=loss.weight,
        official=loss.official_targets,
    )


def heatmap_loss(
    maps: Tensor, targets: tuple[Tensor, Tensor], landmarks: Tensor, complete: bool, recipe: LossRecipe
) -> Tensor:
    """The loss of one stack, the weighted mean over all its pixels (section 4 of the paper); float32.

    Args:
        maps: (N, L + 1, H, W) prediction.
        targets: heatmaps and weights, of the same shape.
        landmarks: (N, L, 2); the map of one that is NaN counts for nothing.
        complete: whether none is.
        recipe: which loss.
    """
    heatmaps, weights = targets
    weights = weights if recipe.weight else None
    if not complete:
        marked = landmarks.isfinite().all(-1).to(heatmaps.dtype)  # (N, L)
        counted = F.pad(marked, (0, heatmaps.shape[1] - marked.shape[1]), value=1.0)[..., None, None]
        weights = counted if weights is None else weights * counted
    if recipe.loss == "awing":
        shape = {"alpha": recipe.alpha, "omega": recipe.omega, "epsilon": recipe.epsilon, "theta": recipe.theta}
        adaptive_wing = fused_adaptive_wing_loss if recipe.fused else adaptive_wing_loss
        return adaptive_wing(maps, heatmaps, **shape, weight=weights)
    maps = maps.float()
    if recipe.loss == "wing":
        each = wing_loss(maps, heatmaps, width=recipe.width, curvature=recipe.curvature, reduction="none")
    else:
        each = {"mse": F.mse_loss, "l1": F.l1_loss}[recipe.loss](maps, heatmaps, reduction="none")
    return (each if weights is None else each * weights).mean()


def make_optimizer(parameters, settings: TrainingRecipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe."""
    common = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, momentum=settings.momentum, **common)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer](parameters, **common)


def learning_rate(settings: TrainingRecipe, step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step (from 0)."""
    epoch = step / steps_per_epoch
    rate = settings.learning_rate
    if settings.schedule == "steps":
        rate *= settings.decay ** sum(epoch >= milestone for milestone in settings.milestones)
    elif settings.schedule == "cosine":
        rate *= (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
    if epoch < settings.warmup:
        rate *= min(1.0, (step + 1) / (settings.warmup * steps_per_epoch))
    return rate


def validate(network: nn.Module, faces: FaceDataset, recipe: Recipe) -> float:
    """Mean NME of a network on faces, in per cent, over those that have one; of a network that has diverged, too."""
    data = recipe.data
    predicted, _ = predict_faces(
        network,
        faces,
        protocol=data.protocol,
        size=data.size,
        decode=recipe.training.decode,
        sigma=recipe.loss.sigma,
        workers=worker_count(data.workers),
        refuse_broken=False,  # what is to be done about it, the loss decides
    )
    errors = normalized_mean_error(predicted, faces.landmarks, face_normalizers(faces, data.normalizer))
    return 100 * float(np.nanmean(errors))
