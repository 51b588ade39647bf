"""Putting a learner together: tuner, head and cut as the options have them."""

from __future__ import annotations

from typing import Any

from journeyman.backbones.base import Backbone
from journeyman.errors import JourneymanError
from journeyman.heads.base import HEADS, Head, HeadShape
from journeyman.heads.native import NativeDetectorHead
from journeyman.tasks.base import Schema, Task
from journeyman.training.learner import Learner
from journeyman.training.options import FinetuneOptions
from journeyman.tuners.base import TUNERS


def make_learner(
    task: Task, backbone: Backbone, schema: Schema, options: FinetuneOptions, *, seed: int
) -> Learner:
    """Tuner and head as the options (or the task) have them, untrained, on the backbone."""
    if options.tuner == "auto":
        raise ValueError("a ladder chooses a tuner before a learner is made")
    if backbone.spec.modality != task.modality:
        raise JourneymanError(
            f"The backbone {backbone.spec.name} does not read what the task {task.name} is about.",
            place="backbone",
            expected=f"a backbone for {task.modality}s",
            found=f"{backbone.spec.name}, for {backbone.spec.modality}s",
            remedy="name another backbone (`journeyman backbones`)",
        )
    tuner_options = options.tuner or options_of(TUNERS[task.default_tuner])
    tuner = TUNERS[tuner_options.name](tuner_options, seed)
    usual = backbone.cut_below(tuner.default_cut(backbone))
    cut = usual if options.cut == "auto" else options.cut
    reason = tuner.permits(backbone, backbone.check_cut(cut))
    if reason is not None:
        raise JourneymanError(
            f"The tuner {tuner.name!r} cannot work at cut {cut}.",
            place="finetune.cut",
            expected="a cut this tuner permits, or auto",
            found=f"{cut}: {reason}",
            remedy="leave `cut` out, or choose another tuner",
        )
    if backbone.mirrors and cut < backbone.spec.depth:
        raise JourneymanError(
            "Vectors cannot be averaged with the mirror image's where layers are tuned.",
            place="backbone.mirror",
            expected="false, or every layer frozen (`tuner: none`, and no cut)",
            found=f"mirror with the tuner {tuner.name!r} at cut {cut}",
            remedy="remove backbone.mirror, or finetune.tuner and finetune.cut",
        )
    head = _make_head(task, backbone, schema, options, seed)
    if options.dropout is not None and tuner.trains:
        backbone = backbone.dropping(options.dropout)
    return Learner(task, backbone, tuner, head, cut)


def _make_head(
    task: Task, backbone: Backbone, schema: Schema, options: FinetuneOptions, seed: int
) -> Head:
    """The head that was asked for, where task and backbone have use for it.

    Where none was, of a detector its own.
    """
    own = task.unit == "map" and backbone.native_head is not None
    usual = NativeDetectorHead.name if own else task.default_head
    chosen = options.head or options_of(HEADS[usual])
    if chosen.name not in task.heads():
        raise JourneymanError(
            f"The task {task.name!r} has no use for the head {chosen.name!r}.",
            place="finetune.head",
            expected=" | ".join(task.heads()),
            found=chosen.name,
            remedy="leave `head` out, or choose one of these",
        )
    reason = HEADS[chosen.name].permits(backbone)
    if reason is not None:
        raise JourneymanError(
            f"The head {chosen.name!r} cannot stand on this backbone.",
            place="finetune.head",
            expected="a head that suits the backbone and its options",
            found=f"{chosen.name}: {reason}",
            remedy="leave `head` out, or choose another head",
        )
    shape = _shape(task, backbone, task.outputs(schema))
    head = HEADS[chosen.name](chosen, shape, seed)
    head.begin(backbone, schema.labels)
    return head


def _shape(task: Task, backbone: Backbone, outputs: int) -> HeadShape:
    """Where a head of the task stands: on every layer, on the last, or on maps at three strides."""
    depth = backbone.spec.depth
    ends = backbone.stage_ends if task.unit == "map" else {}
    if task.unit == "map" and not ends:
        raise JourneymanError(
            f"The backbone {backbone.spec.name} has no map that boxes could be found on.",
            place="backbone",
            expected="a layer with a vector about every 8, 16 or 32 pixels",
            found="none at these strides",
            remedy="choose another backbone, or another backbone.image_size",
        )
    layers = {"row": tuple(range(1, depth + 1)), "token": (depth,), "map": tuple(ends.values())}
    whole = task.unit == "row"
    measure = backbone.pooled_width_at if whole else backbone.width_at
    widths = tuple(map(measure, layers[task.unit]))
    cells = tuple(map(backbone.cells_at, layers[task.unit])) if whole else ()
    return HeadShape(
        widths[-1],
        layers[task.unit],
        outputs,
        task.unit,
        widths if len(set(widths)) > 1 else (),
        tuple(ends),
        cells if any(count > 1 for count in cells) else (),
    )


def options_of(entry: Any) -> Any:
    """The default options of a registered tuner or head, carrying its name."""
    defaults = entry.Options()
    object.__setattr__(defaults, "__dict__", {**defaults.__dict__, "name": entry.name})
    return defaults
