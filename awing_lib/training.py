"""Training: one recipe, one data set, one folder; on a CPU, a GPU, or many.

Read :func:`train` from top to bottom: it is the whole story. A run leaves in its folder::

    recipe.yaml          what was run
    checkpoints/         the last two, from which --resume goes on
    start.safetensors    what it was fine-tuned from, if it was
    log.csv tensorboard/ the curves; val_nme is in per cent
    model.safetensors    the network (see awing_lib.weights)
    run.json             the record: recipe, versions, hardware, curves, final numbers (val_nme: per cent here, too)

Its parts stand in recipe_parts (what a recipe asks for), its machinery in run_devices, run_folder and run_watch.
"""

import json
import math
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from awing_lib import licences
from awing_lib.checkpoints import load_checkpoint, save_checkpoint
from awing_lib.datasets.sample import FaceDataset
from awing_lib.errors import AwingError
from awing_lib.loading import (
    AugmentedFaces,
    CachedFaces,
    StepBatches,
    batch_loader,
    open_batches,
    unusable,
    worker_count,
)
from awing_lib.recipe_parts import (
    heatmap_loss,
    learning_rate,
    make_optimizer,
    open_faces,
    target_maker,
    to_images,
    validate,
)
from awing_lib.recipes import Recipe
from awing_lib.run_devices import TrainingError, in_one_line, open_fabric, sum_over_devices, together
from awing_lib.run_folder import START, as_csv, checkpoint_of, claim, lock, restore
from awing_lib.run_record import environment
from awing_lib.run_watch import Curves, Look, StopSignal, note_skipped, progress_text
from awing_lib.synced_norm import sync_batch_norms
from awing_lib.weights import ModelInfo, save_model, take_weights, write_bytes

_LOSS_ROWS = 1000
"""About how many points the loss curve of a run has."""


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
    fabric = open_fabric(accelerator, devices, nodes, settings.precision)
    first, device = fabric.is_global_zero, fabric.device
    say = (lambda text: tqdm.write(text)) if first and progress else (lambda text: None)
    # where nobody watches, a line now and then will do
    show = {"disable": not (first and progress), "mininterval": 0.1 if sys.stderr.isatty() else 30}

    with ExitStack() as leaving:
        leaving.enter_context(in_one_line(folder))

        # the run's folder: new, or the one to go on with
        record, checkpoint = None, None
        with together(fabric):
            if first:
                leaving.enter_context(lock(folder))
                record = claim(folder, recipe, resume, start_from)
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
        if not done and (folder / START).exists():
            new = take_weights(network, layout, folder / START)
            say(f"{len(network.state_dict()) - len(new)} tensors are those of {START}, {len(new)} are new")
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
            history = restore(checkpoint, network, optimizer, average)
        history["sessions"].append({"from_step": done, "started": _now(), "devices": world})
        skipped = Counter(history["skipped"] if first else {})  # by this device
        system = environment() if first else None
        say(f"{recipe.name}: {len(faces)} faces, {steps} steps of {settings.batch} on {world} x {device.type}")

        # the loop
        started, waited = time.monotonic(), 0.0
        loss_sum = torch.tensor(history["loss_sum"], dtype=torch.float64, device=device)
        log_every, targets, looks = max(1, steps // _LOSS_ROWS), None, deque()
        stop = leaving.enter_context(StopSignal(minutes, loud=first and progress))
        batches = leaving.enter_context(open_batches(loader))
        log = leaving.enter_context(Curves(folder / "tensorboard" if first else None, done))
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
                note_skipped(batch.skipped, root, skipped, say)
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
            looks.append(Look(fabric, step, rounds, total, length, stop))
            asked = 0
            while looks and (save_now or asked or len(looks) > 1 or device.type == "cpu"):
                asked = max(asked, looks.popleft().read(fabric, folder))

            if (step + 1) % log_every == 0 or ended:
                value = fabric.all_reduce(total, reduce_op="mean").item()
                history["losses"].append([step + 1, value, rate])
                log.add(step + 1, {"loss": value, "learning_rate": rate})
                bar.set_postfix_str(progress_text(value, history))
            if ended:
                epoch = (step + 1) // steps_per_epoch
                mean = fabric.all_reduce(loss_sum, reduce_op="mean").item() / steps_per_epoch
                row = {"epoch": epoch, "step": step + 1, "learning_rate": rate, "loss": mean}
                loss_sum.zero_()
                with together(fabric):
                    if first:
                        if val_faces is not None and (epoch % settings.val_every == 0 or epoch == settings.epochs):
                            try:
                                row["val_nme"] = validate(kept, val_faces, recipe)
                                log.add(step + 1, {"val_nme": row["val_nme"]})
                            except AwingError as error:
                                if not skip:
                                    raise unusable(str(error)) from error
                                note_skipped([f"no validation: {error}"], root, skipped, say)
                        history["epochs"].append(row)
                        write_bytes(folder / "log.csv", as_csv(history["epochs"]))
                        bar.set_postfix_str(progress_text(mean, history))
                        if on_epoch:
                            kept.eval()
                            on_epoch(epoch, kept, row)
                model.train()
            if save_now or asked:
                history["loss_sum"] = fabric.all_reduce(loss_sum, reduce_op="mean").item()
                history["skipped"] = sum_over_devices(fabric, skipped)
                with together(fabric):
                    if first:
                        session = history["sessions"][-1]
                        session |= {"to_step": step + 1, "seconds": time.monotonic() - started, "waited": waited}
                        log.flush()
                        state = checkpoint_of(step + 1, network, optimizer, average, history)
                        save_checkpoint(folder / "checkpoints", state)
            if asked and step + 1 < steps:
                planned = asked == StopSignal.PLANNED
                raise Interrupted(f"stopped at step {step + 1} of {steps}; --resume goes on from there", planned)

        # what is left behind; the record is written last, so where there is one the run has reached its end
        with together(fabric):
            if first:
                record = {"recipe": recipe.to_record(), "data": _described(root, train_faces, val_faces)}
                record["devices"] = world
                record |= {"device": device.type, "environment": system, "finished": _now(), "steps": steps}
                record |= {name: history[name] for name in ("sessions", "epochs", "losses", "skipped")}
                record["final"] = history["epochs"][-1]
                record["fine_tuned"] = (folder / START).exists()
                about = {"val_nme": record["final"].get("val_nme"), "commit": system["commit"]}
                about[licences.KEY] = licences.data_and_licence(record["recipe"], record["data"], record["fine_tuned"])
                info = ModelInfo.of_run(layout, recipe, about)
                save_model(folder / "model.safetensors", kept.state_dict(), info)
                write_bytes(folder / "run.json", json.dumps(record, indent=1).encode())
        return fabric.broadcast(record)


def _described(root, train_faces: FaceDataset, val_faces: FaceDataset | None) -> dict:
    faces = {"train": len(train_faces), "val": len(val_faces) if val_faces is not None else 0}
    return {"root": Path(root).name if root else None, "layout": train_faces.layout.name, "faces": faces}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
