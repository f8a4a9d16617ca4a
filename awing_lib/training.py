"""Training: one recipe, one data set, one folder; on a CPU, a GPU, or many.

Read :func:`train` from top to bottom: it is the whole story. A run leaves in its folder::

    recipe.yaml          what was run
    checkpoints/         the last two, from which --resume goes on
    start.safetensors    what it was fine-tuned from, if it was
    log.csv tensorboard/ the curves
    model.safetensors    the network (see awing_lib.weights)
    run.json             the record: recipe, versions, hardware, curves, final numbers
"""

import csv
import io
import json
import logging
import math
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors.torch import save
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from awing_lib.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from awing_lib.dataset_prediction import predict_faces
from awing_lib.datasets.opening import open_dataset
from awing_lib.datasets.sample import FaceDataset
from awing_lib.errors import AwingError
from awing_lib.layouts import LandmarkLayout
from awing_lib.loading import (
    AugmentedFaces,
    Batch,
    CachedFaces,
    StepBatches,
    batch_loader,
    open_batches,
    worker_count,
)
from awing_lib.losses import adaptive_wing_loss, wing_loss
from awing_lib.metrics import normalized_mean_error
from awing_lib.normalizers import face_normalizers
from awing_lib.recipes import LossRecipe, Recipe, TrainingRecipe, load_recipe
from awing_lib.run_record import environment
from awing_lib.synced_norm import sync_batch_norms
from awing_lib.targets import TargetMaker
from awing_lib.weights import ModelInfo, load_model, save_model, take_weights, write_bytes

try:
    import fcntl
except ImportError:  # Windows, where nothing keeps two runs from one folder
    fcntl = None

_LOSS_ROWS = 1000
"""About how many points the loss curve of a run has."""
_FREE_TO_CHANGE = (
    "about",
    "cache",
    "channels_last",
    "checkpointing",
    "compile",
    "save_every",
    "unreadable",
    "val_every",
    "workers",
)
"""Fields that a resumed run may have otherwise: they change how it goes, not what it strives for."""


_START = "start.safetensors"


class TrainingError(AwingError):
    """A run that cannot start, or cannot go on."""


class Elsewhere(TrainingError):
    """Another process of the run has failed or is gone; that one knows why."""


class Interrupted(Exception):
    """The run was asked to stop, and has saved a checkpoint. ``planned``: as its ``minutes`` were over."""

    def __init__(self, message: str, planned: bool) -> None:
        super().__init__(message)
        self.planned = planned


def train(
    recipe: Recipe,
    root: str | os.PathLike | None,
    folder: str | os.PathLike,
    *,
    resume: bool = False,
    start_from: str | os.PathLike | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    minutes: float | None = None,
    progress: bool = True,
    on_epoch: Callable[[int, nn.Module, dict], None] | None = None,
) -> dict:
    """Train a network by a recipe.

    Args:
        recipe: what to do; :func:`awing_lib.recipes.load_recipe`.
        root: folder of the data set; not looked at for faces made to order.
        folder: where the run lives; it must not hold another run.
        resume: go on from the last good checkpoint in ``folder`` (from the start, if there is none). A run that has
            reached its end is left as it is.
        start_from: a model file to fine-tune, perhaps to other landmarks: what fits of its weights is taken over
            (:func:`awing_lib.weights.take_weights`). The folder keeps a copy, ``start.safetensors``, so that a run that
            is resumed need not be told. None: start from scratch.
        accelerator: "cpu", "cuda", or "auto".
        devices: on each machine.
        nodes: machines; with more than one this runs under ``torchrun``.
        minutes: stop with a checkpoint after so many; None: run to the end.
        progress: show a bar, and say what happens.
        on_epoch: called on the first device after each epoch with its number (from 1), the network in evaluation mode
            and the epoch's row of the log.

    Returns:
        The run record, as in ``run.json``.

    Raises:
        TrainingError: the folder holds a run (or another one, or one that another process works on), the batch does
            not fit data or devices, the loss is no number (the batch is saved), memory or disk are not enough, or a
            process has died. The last checkpoint is good.
        Interrupted: Ctrl-C, SIGTERM or ``minutes``; a checkpoint was saved.
        AwingError: what data sets, recipes and checkpoints raise.
    """
    # faces, and how many steps they make
    folder, settings, world = Path(folder), recipe.training, devices * nodes
    train_faces, val_faces = open_faces(recipe, root)
    layout = train_faces.layout
    steps_per_epoch = len(train_faces) // settings.batch
    if not steps_per_epoch:
        raise TrainingError(f"batch {settings.batch} is more than the {len(train_faces)} faces of the data set")
    if settings.batch % (settings.accumulate * world):
        parts = f"accumulate {settings.accumulate} x {world} devices"
        raise TrainingError(f"batch {settings.batch} cannot be split into {parts} equal parts")
    steps = settings.epochs * steps_per_epoch

    # devices; from here on this runs once on each
    fabric = _fabric(accelerator, devices, nodes, settings.precision)
    first, device = fabric.is_global_zero, fabric.device
    say = (lambda text: tqdm.write(text)) if first and progress else (lambda text: None)
    # where nobody watches, a line now and then will do
    show = {"disable": not (first and progress), "mininterval": 0.1 if sys.stderr.isatty() else 30}

    with ExitStack() as leaving:
        leaving.enter_context(_in_one_line(folder))

        # the run's folder: new, or the one to go on with
        record, checkpoint = None, None
        with _together(fabric):
            if first:
                leaving.enter_context(_lock(folder))
                record = _claim(folder, recipe, resume, start_from)
                if resume and not record:
                    checkpoint = load_checkpoint(folder / "checkpoints", say)
                if checkpoint and checkpoint.state["faces"] != len(train_faces):
                    began = f"{folder} holds a run that began with {checkpoint.state['faces']} faces"
                    raise TrainingError(f"{began}, and the data set has {len(train_faces)} now")
        record, checkpoint = fabric.broadcast((record, checkpoint))
        if record:
            say(f"{folder}: the run has reached its end already; nothing is changed")
            return record
        done = checkpoint.step if checkpoint else 0
        if resume:
            say(f"going on from step {done}" if done else "no checkpoint to go on from: the run begins at the start")

        # batches, from the step to go on with
        skip = recipe.data.unreadable == "skip"
        reading = partial(tqdm, desc="reading faces", unit="face", delay=2, **show)
        faces = CachedFaces(train_faces, reading, skip=skip) if recipe.data.cache else train_faces
        augmentation = recipe.augmentation.build(layout, recipe.data.protocol, recipe.data.size)
        plan = {"start": done, "accumulate": settings.accumulate, "rank": fabric.global_rank, "devices": world}
        loader = batch_loader(
            AugmentedFaces(faces, augmentation, settings.seed, skip=skip),
            StepBatches(len(faces), settings.batch, steps, settings.seed, **plan),
            worker_count(recipe.data.workers, beside=devices),
            pin=device.type == "cuda",
        )

        # network, targets, optimiser; all randomness of the weights is the recipe's seed
        network = ModelInfo.of_run(layout, recipe).build(torch.Generator().manual_seed(settings.seed))
        if not done and (folder / _START).exists():
            new = take_weights(network, layout, folder / _START)
            say(f"{len(network.state_dict()) - len(new)} tensors are those of {_START}, {len(new)} are new")
        if settings.channels_last:
            network = network.to(memory_format=torch.channels_last)
        if world > 1 and settings.sync_batch_norm:
            network = sync_batch_norms(network, device.type == "cuda")
        make_targets = target_maker(layout, recipe)
        optimizer = make_optimizer(network.parameters(), settings)
        model, optimizer = fabric.setup(torch.compile(network) if settings.compile else network, optimizer)
        average = None
        if settings.ema:
            average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema), use_buffers=True)
        kept = average.module if average else network  # what is validated, and is left behind

        # what is known of the run: curves, images that were skipped, sessions from a start to a stop
        history = {"faces": len(faces), "losses": [], "epochs": [], "skipped": {}, "sessions": [], "loss_sum": 0.0}
        if checkpoint:
            history = _restore(checkpoint, network, optimizer, average)
        history["sessions"].append({"from_step": done, "started": _now()})
        skipped = Counter(history["skipped"] if first else {})  # by this device
        system = environment() if first else None
        say(f"{recipe.name}: {len(faces)} faces, {steps} steps of {settings.batch} on {world} x {device.type}")

        # the loop
        started, waited = time.monotonic(), 0.0
        loss_sum = torch.tensor(history["loss_sum"], dtype=torch.float64, device=device)
        log_every, targets, looks = max(1, steps // _LOSS_ROWS), None, deque()
        stop = leaving.enter_context(_StopSignal(minutes, loud=first and progress))
        batches = leaving.enter_context(open_batches(loader))
        log = leaving.enter_context(_TensorBoard(folder / "tensorboard" if first else None, done))
        bar = leaving.enter_context(
            tqdm(total=steps, initial=done, desc=recipe.name, unit="step", smoothing=0.05, **show)
        )
        model.train()
        for step in range(done, steps):
            rate = learning_rate(settings, step, steps_per_epoch)
            for group in optimizer.param_groups:
                group["lr"] = rate
            rounds, total = [], torch.zeros((), device=device)
            for part in range(settings.accumulate):
                tick = time.monotonic()
                batch = next(batches)
                waited += time.monotonic() - tick
                rounds.append(batch)
                _note_skipped(batch.skipped, root, skipped, say)
                images = to_images(batch.images.to(device, non_blocking=True), settings.channels_last)  # (n, 3, S, S)
                landmarks = batch.landmarks.to(device, non_blocking=True)  # (n, L, 2)
                targets = make_targets(landmarks, out=targets)  # heatmaps and weights, (n, L + 1, S / 4, S / 4) each
                with fabric.no_backward_sync(model, enabled=part < settings.accumulate - 1):
                    outputs = model(images)  # one (n, L + 1, S / 4, S / 4) per stack
                    loss = sum(heatmap_loss(maps, targets, landmarks, batch.complete, recipe.loss) for maps in outputs)
                    fabric.backward(loss / settings.accumulate)
                total += loss.detach() / settings.accumulate
            # without a limit the gradient's length is only measured
            limit = {"max_norm": settings.clip or math.inf, "error_if_nonfinite": False}
            length = fabric.clip_gradients(model, optimizer, **limit)
            optimizer.step()
            optimizer.zero_grad()
            if average:
                average.update_parameters(network)
            loss_sum += total
            bar.update()

            # A GPU would wait for who reads a number of the step that it works on: each step reads those of the one
            # before. A CPU does not work ahead, and a checkpoint must know.
            ended = (step + 1) % steps_per_epoch == 0
            save_now = ended or bool(settings.save_every and (step + 1) % settings.save_every == 0)
            looks.append(_Look(fabric, step, rounds, total, length, stop))
            asked = 0
            while looks and (save_now or asked or len(looks) > 1 or device.type == "cpu"):
                asked = max(asked, looks.popleft().read(fabric, folder))

            if (step + 1) % log_every == 0 or ended:
                value = fabric.all_reduce(total, reduce_op="mean").item()
                history["losses"].append([step + 1, value, rate])
                log.add(step + 1, {"loss": value, "learning_rate": rate})
                bar.set_postfix_str(_postfix(value, history))
            if ended:
                epoch = (step + 1) // steps_per_epoch
                mean = fabric.all_reduce(loss_sum, reduce_op="mean").item() / steps_per_epoch
                row = {"epoch": epoch, "step": step + 1, "learning_rate": rate, "loss": mean}
                loss_sum.zero_()
                with _together(fabric):
                    if first:
                        if val_faces is not None and (epoch % settings.val_every == 0 or epoch == settings.epochs):
                            try:
                                row["val_nme"] = validate(kept, val_faces, recipe)
                                log.add(step + 1, {"val_nme": row["val_nme"]})
                            except AwingError as error:
                                if not skip:
                                    raise
                                _note_skipped([f"no validation: {error}"], root, skipped, say)
                        history["epochs"].append(row)
                        write_bytes(folder / "log.csv", _as_csv(history["epochs"]))
                        bar.set_postfix_str(_postfix(mean, history))
                        if on_epoch:
                            kept.eval()
                            on_epoch(epoch, kept, row)
                model.train()
            if save_now or asked:
                history["loss_sum"] = fabric.all_reduce(loss_sum, reduce_op="mean").item()
                history["skipped"] = _of_all_devices(fabric, skipped)
                with _together(fabric):
                    if first:
                        session = history["sessions"][-1]
                        session |= {"to_step": step + 1, "seconds": time.monotonic() - started, "waited": waited}
                        log.flush()
                        state = _checkpoint(step + 1, network, optimizer, average, history)
                        save_checkpoint(folder / "checkpoints", state)
            if asked and step + 1 < steps:
                planned = asked == _StopSignal.PLANNED
                raise Interrupted(f"stopped at step {step + 1} of {steps}; --resume goes on from there", planned)

        # what is left behind; the record is written last, so where there is one the run has reached its end
        with _together(fabric):
            if first:
                record = {"recipe": recipe.to_record(), "data": _described(root, train_faces, val_faces)}
                record["devices"] = world
                record |= {"device": device.type, "environment": system, "finished": _now(), "steps": steps}
                record |= {name: history[name] for name in ("sessions", "epochs", "losses", "skipped")}
                record["final"] = history["epochs"][-1]
                record["fine_tuned"] = (folder / _START).exists()
                about = {"val_nme": record["final"].get("val_nme"), "commit": system["commit"]}
                info = ModelInfo.of_run(layout, recipe, about)
                save_model(folder / "model.safetensors", kept.state_dict(), info)
                write_bytes(folder / "run.json", json.dumps(record, indent=1).encode())
        return fabric.broadcast(record)


# -- the parts, each of use by itself ----------------------------------------------------------------------------------


def open_faces(recipe: Recipe, root: str | os.PathLike | None) -> tuple[FaceDataset, FaceDataset | None]:
    """The faces to train on and those to validate on (None: none) of a recipe."""
    data = recipe.data
    layout = LandmarkLayout.from_yaml(data.layout) if data.layout else None
    if data.dataset == "synthetic":
        faces = open_dataset("synthetic", count=data.faces, layout=layout, seed=recipe.training.seed)
        # seeds of runs end before 2**30, so no run trains on what another one validates on
        return faces, open_dataset("synthetic", count=data.val_faces, layout=layout, seed=recipe.training.seed + 2**30)
    faces = open_dataset(data.dataset, root, data.train_split, layout=layout)
    val_faces = open_dataset(data.dataset, root, data.val_split, layout=layout) if data.val_split else None
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
        return adaptive_wing_loss(maps, heatmaps, **shape, weight=weights)
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
    """Mean NME of a network on faces, in percent, over those that have one."""
    data = recipe.data
    predicted, _ = predict_faces(
        network,
        faces,
        protocol=data.protocol,
        size=data.size,
        decode=recipe.training.decode,
        sigma=recipe.loss.sigma,
        workers=worker_count(data.workers),
    )
    errors = normalized_mean_error(predicted, faces.landmarks, face_normalizers(faces, data.normalizer))
    return 100 * float(np.nanmean(errors))


# -- what the loop keeps out of sight ---------------------------------------------------------------------------------


def _fabric(accelerator: str, devices: int, nodes: int, precision: str) -> Fabric:
    """Lightning's view of the devices, with a process running for each."""
    gpus = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "cuda" if gpus else "cpu"
    if accelerator == "cuda" and devices > gpus:
        raise TrainingError(f"{devices} GPUs are wanted, PyTorch finds {gpus} here")
    if os.environ.get("LOCAL_RANK", "0") != "0":
        threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets from each process
    strategy = "ddp" if devices * nodes > 1 else "auto"
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _leave_with(parent: int) -> None:
    """End this process when the one that started it is gone, be it in the middle of waiting for it."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _in_one_line(folder: Path) -> Iterator[None]:
    """Failures of machinery, which come as errors of many lines or of too few words, in one that says what to do."""
    again = "--resume goes on from the last checkpoint"
    try:
        yield
    except BrokenPipeError:  # who read what we say is gone
        raise
    except OSError as error:
        raise TrainingError(f"{folder}: {error}; once that is mended, {again}") from error
    except RuntimeError as error:
        text = " ".join(str(error).split())
        if isinstance(error, torch.cuda.OutOfMemoryError) or "DefaultCPUAllocator" in text:
            ways = "a greater accumulate, checkpointing=true or precision=bf16-mixed need less"
            raise TrainingError(f"the memory of the device is not enough; {ways}") from error
        if "DataLoader worker" in text:
            ways = "if memory was not enough, try fewer workers"
            raise TrainingError(f"a process that prepares batches has died ({text}); {again}; {ways}") from error
        if isinstance(error, distributed.DistError) or "gloo" in text:
            raise Elsewhere(f"another process of this run has failed or is gone; {again}") from error
        raise


@contextmanager
def _together(fabric: Fabric) -> Iterator[None]:
    """What the first device does while the others wait at the end of it; if it fails, all leave."""
    failure = None
    try:
        yield
    except (AwingError, OSError) as error:
        failure = error
    if fabric.broadcast(failure is not None):
        raise failure or Elsewhere("the first process of this run has failed")


def _of_all_devices(fabric: Fabric, counts: Counter) -> dict[str, int]:
    """Sum of what each device has counted."""
    each = [counts]
    if fabric.world_size > 1:
        each = [None] * fabric.world_size
        distributed.all_gather_object(each, counts)
    return dict(sum(each, Counter()))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Keep other processes from training in the folder; what a killed one had locked is free."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a") as file:
        try:
            if fcntl:  # lockf, not flock: processes that we start do not hold it on when we are gone
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise TrainingError(f"{folder}: another process trains in this folder") from error
        except OSError:  # a file system that knows no locks
            pass
        yield


def _claim(folder: Path, recipe: Recipe, resume: bool, start_from: str | os.PathLike | None) -> dict | None:
    """See that the folder is new, or holds this very run; its record, if that has reached its end."""
    for leftover in folder.glob(".*.tmp"):  # of a file that a killed process was writing
        leftover.unlink()
    path = folder / "recipe.yaml"
    if not path.exists():
        if any(each.name not in (".lock", _START) for each in folder.iterdir()):
            raise TrainingError(f"{folder} is not empty, and holds no run; choose another folder")
        (folder / _START).unlink(missing_ok=True)
        if start_from is not None:
            load_model(start_from)  # says what is wrong with it
            write_bytes(folder / _START, Path(start_from).read_bytes())
        write_bytes(path, recipe.to_yaml().encode())
        return None
    if not resume:
        raise TrainingError(f"{folder} holds a run already; --resume goes on with it, or choose another folder")
    known, wanted = load_recipe(path).to_dict(), recipe.to_dict()
    for part, fields in known.items():
        for name, value in fields.items() if isinstance(fields, dict) else [(part, fields)]:
            now = wanted[part][name] if isinstance(fields, dict) else wanted[part]
            if now != value and name not in _FREE_TO_CHANGE:
                raise TrainingError(f"{folder} holds a run with {name} {value!r}; --resume cannot make it {now!r}")
    finished = folder / "run.json"
    return json.loads(finished.read_text("utf-8")) if finished.exists() else None


def _checkpoint(step: int, network: nn.Module, optimizer, average, history: dict) -> Checkpoint:
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items() if value is not None}
    if average:
        tensors |= {f"average.{name}": tensor for name, tensor in average.state_dict().items()}
    tensors = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise TrainingError(
                f"{name} is no longer finite at step {step}, so that is not saved; try a smaller learning_rate"
            )
    return Checkpoint(step, tensors, history)


def _restore(checkpoint: Checkpoint, network: nn.Module, optimizer, average) -> dict:
    """Put a checkpoint's state back in place; its history."""

    def under(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in checkpoint.tensors.items() if name.startswith(prefix)}

    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in under("optimizer.").items():
        index, key = name.split(".", 1)
        states.setdefault(int(index), {})[key] = tensor
    try:
        network.load_state_dict(under("network."))
        if average:
            average.load_state_dict(under("average."))
        optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
    except (RuntimeError, ValueError) as error:
        text = " ".join(str(error).split())
        raise TrainingError(f"the checkpoint of step {checkpoint.step} is of another network: {text}") from error
    return checkpoint.state


class _Look:
    """What a step came to, to be read later: numbers that travel from the device while it goes on."""

    def __init__(self, fabric: Fabric, step: int, rounds: list[Batch], loss: Tensor, length: Tensor, stop) -> None:
        self.step, self.rounds = step, rounds
        numbers = torch.stack([loss, length])
        concern_all = torch.stack([(~numbers.isfinite().all()).float(), loss.new_tensor(stop.asked)])
        if fabric.world_size > 1:  # one device's trouble is everyone's, after the same step
            distributed.all_reduce(concern_all, distributed.ReduceOp.MAX)
        self.numbers = torch.cat([concern_all, numbers]).to("cpu", non_blocking=True)
        self.arrived = torch.cuda.Event() if loss.is_cuda else None
        if self.arrived:
            self.arrived.record()

    def read(self, fabric: Fabric, folder: Path) -> float:
        """Who has asked to stop, as in ``_StopSignal.asked``.

        Raises:
            TrainingError: loss or gradient of some device are no number; each keeps what it saw.
        """
        if self.arrived:
            self.arrived.synchronize()
        broken, asked, loss, length = self.numbers.tolist()
        if not broken:
            return asked
        place = f"-device-{fabric.global_rank}" if fabric.world_size > 1 else ""
        path, seen = folder / f"bad-batch-step-{self.step + 1}{place}.safetensors", self.rounds
        tensors = {"images": torch.cat([b.images for b in seen]), "landmarks": torch.cat([b.landmarks for b in seen])}
        keys = {"keys": json.dumps([key for b in seen for key in b.keys])}
        with _together(fabric):
            write_bytes(path, save(tensors, keys))
            if fabric.is_global_zero:
                found = f"the loss is {loss:g} and the gradient's length {length:g} at step {self.step + 1}"
                raise TrainingError(f"{found}; its batch is in {path}; try a smaller learning_rate, or clip")
        return asked


def _note_skipped(
    texts: Iterable[str], root: str | os.PathLike | None, skipped: Counter, say: Callable[[str], None]
) -> None:
    for text in texts:
        text = text.replace(f"{Path(root)}{os.sep}", "") if root is not None else text
        if text not in skipped:
            say(f"skipped: {text}")
        skipped[text] += 1


class _StopSignal:
    """Ctrl-C and SIGTERM become a wish that is granted after the step; a second Ctrl-C is granted at once."""

    PLANNED, URGENT = 1.0, 2.0

    def __init__(self, minutes: float | None, loud: bool) -> None:
        self.signalled, self.loud = None, loud
        self.deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes

    @property
    def asked(self) -> float:
        """0: nobody has asked to stop; PLANNED: the minutes are over; URGENT: a signal came."""
        if self.signalled is not None:
            return self.URGENT
        return self.PLANNED if time.monotonic() > self.deadline else 0.0

    def __enter__(self) -> "_StopSignal":
        self.before = {}
        if threading.current_thread() is threading.main_thread():  # elsewhere signals cannot be caught
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self._ask)
        return self

    def _ask(self, number, frame) -> None:
        now = time.monotonic()
        if self.signalled is None:
            self.signalled = now
            if self.loud:  # not print: the signal may have come in the middle of one
                os.write(2, b"\nleaving after this step, with a checkpoint; Ctrl-C again: at once, without\n")
        elif number == signal.SIGINT and now > self.signalled + 1:  # torchrun hands on the one that we had already
            raise KeyboardInterrupt

    def __exit__(self, *_) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


class _TensorBoard:
    """Curves for TensorBoard; what a run that was killed had written after its checkpoint is taken back."""

    def __init__(self, folder: Path | None, step: int) -> None:
        self.writer = None
        if folder:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def add(self, step: int, values: dict[str, float]) -> None:
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def flush(self) -> None:
        if self.writer:
            self.writer.flush()

    def __enter__(self) -> "_TensorBoard":
        return self

    def __exit__(self, *_) -> None:
        if self.writer:
            self.writer.close()


def _postfix(loss: float, history: dict) -> str:
    known = [row["val_nme"] for row in history["epochs"] if "val_nme" in row]
    return f"loss {loss:.4g}" + (f", NME {known[-1]:.2f} %" if known else "")


def _as_csv(rows: list[dict]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["epoch", "step", "learning_rate", "loss", "val_nme"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _described(root, train_faces: FaceDataset, val_faces: FaceDataset | None) -> dict:
    faces = {"train": len(train_faces), "val": len(val_faces) if val_faces is not None else 0}
    return {"root": Path(root).name if root else None, "layout": train_faces.layout.name, "faces": faces}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
