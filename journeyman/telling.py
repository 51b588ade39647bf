"""From finished steps to the report's first screen and to metrics.json."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import torch

from journeyman.recipe.options import Recipe
from journeyman.report.header import ReportHeader
from journeyman.report.metrics import metrics_json, write_json
from journeyman.report.page import write
from journeyman.section import Chart, Figure, Matrix, Section
from journeyman.sections.collected import finding_sentences
from journeyman.steps.finetune import NOTE
from journeyman.tasks.base import model_of
from journeyman.workspace import Workspace

LIBRARIES = ("journeyman", "torch", "transformers", "peft", "scikit-learn")
WEAK_SLICE = 0.05


def tell(recipe: Recipe, workspace: Workspace, sections: Sequence[Section], text: str) -> None:
    """Write report.html and metrics.json of a run whose steps are done."""
    note = workspace.load_note(NOTE)
    document = metrics_json(
        task=workspace.task.name,
        backbone=recipe.backbone.name,
        seed=recipe.seed,
        threads=torch.get_num_threads(),
        data=note["data"],
        test=note["test"],
        slices=note["slices"],
        baselines=note["baselines"],
        confusion=_confusion(note["confusion"]),
        coverage=[(point["coverage"], point["accuracy"]) for point in note["coverage"]],
        roc=note.get("roc", ()),
        sections=sections,
    )
    write_json(workspace.folder / "metrics.json", document)
    tell_page(recipe, workspace, sections, text, threads=torch.get_num_threads())


def tell_page(
    recipe: Recipe,
    workspace: Workspace,
    sections: Sequence[Section],
    text: str,
    *,
    threads: int,
    before: str = "",
) -> None:
    """Write report.html alone; `threads` is how many the run used, and of the page `before` charts
    are taken over where their numbers are the same."""
    note = workspace.load_note(NOTE)
    header = _header(recipe, workspace, sections, note, text, threads)
    write(workspace.folder / "report.html", header, sections, before)


def _header(
    recipe: Recipe,
    workspace: Workspace,
    sections: Sequence[Section],
    note: Any,
    text: str,
    threads: int,
) -> ReportHeader:
    primary = recipe.finetune.metric or workspace.task.primary_metric
    told = {section.step: section for section in sections}
    figures = {figure.name: figure for figure in told["finetune"].figures}
    bars = [c for c in told["finetune"].charts if isinstance(c, Chart) and c.kind == "bar"]
    return ReportHeader(
        name=recipe.name,
        task=workspace.task.name,
        backbone=recipe.backbone.name,
        summary=_summary(workspace, note, primary),
        headline=_headline(note["test"], primary),
        baselines=bars[0] if bars else None,
        findings=finding_sentences(workspace.collection.findings),
        cost=_cost(workspace, sections, figures),
        saved=_saved(figures),
        advice=_advice(workspace, note, primary),
        versions={name: version(name) for name in LIBRARIES},
        seed=recipe.seed,
        threads=threads,
        recipe=text,
        steps=tuple(told),
    )


def _headline(test: dict[str, Any], primary: str) -> tuple[Figure, ...]:
    order = [primary, *(name for name in test if name != primary)]
    return tuple(
        Figure(name=f"test {name}", **{k: test[name][k] for k in ("value", "low", "high", "n")})
        for name in order[:4]
        if name in test
    )


def _summary(workspace: Workspace, note: Any, primary: str) -> str:
    metric = note["test"].get(primary)
    if metric is None or metric["value"] is None:
        return f"{model_of(workspace.task.name)}, without test rows to measure it on."
    rivals = {
        name: metrics[primary]["value"]
        for name, metrics in note["baselines"].items()
        if name != "human_rater" and primary in metrics and metrics[primary]["value"] is not None
    }
    first = f"{model_of(workspace.task.name)} that reaches {primary} {metric['value']:.3f}"
    first += f" on {metric['n']:,} test rows that chose nothing."
    if not rivals:
        return first
    best = max(rivals, key=lambda name: rivals[name])
    return f"{first} The best simpler method, {best}, reaches {rivals[best]:.3f}."


def _cost(
    workspace: Workspace, sections: Sequence[Section], figures: dict[str, Figure]
) -> tuple[Figure, ...]:
    size = sum(p.stat().st_size for p in workspace.model_folder.rglob("*") if p.is_file())
    kept = ("frozen pass seconds", "training seconds", "solving seconds", "trainable parameters")
    whole = sum(workspace.seconds.get(section.step, 0.0) for section in sections)
    return (
        Figure(name="seconds in all", value=round(whole, 1), unit="s", clock=True),
        *(figures[name] for name in kept if name in figures),
        Figure(name="model on disk", value=round(size / 1e6, 1), unit="MB"),
    )


def _saved(figures: dict[str, Figure]) -> str:
    rows = figures["rows through frozen layers"].value
    seconds = figures["seconds saved by the cache"].value
    if rows == 0:
        return (
            f"No row went through the frozen layers: all were in the feature cache, which saved "
            f"{seconds} seconds."
        )
    return (
        f"{rows:,} rows went once through the frozen layers; what was already in the feature cache "
        f"saved {seconds} seconds. The next run on these rows computes none."
    )


def _advice(workspace: Workspace, note: Any, primary: str) -> tuple[str, ...]:
    overall = (note["test"].get(primary) or {}).get("value")
    advice = []
    for column, values in note["slices"].items():
        scored = {v: m[primary]["value"] for v, m in values.items() if primary in m}
        weak = {v: s for v, s in scored.items() if s is not None}
        for value in sorted(weak, key=lambda v: weak[v])[:1]:
            if overall is not None and weak[value] < overall - WEAK_SLICE:
                advice.append(
                    f"{column} {value!r} is the weakest slice ({weak[value]:.3f}): label more rows "
                    "like it first."
                )
    if workspace.collection.quarantined:
        advice.append(
            f"Look at quarantine.jsonl: {workspace.collection.quarantined:,} rows were not used."
        )
    folder = workspace.model_folder
    what = "--image photo.jpg" if workspace.task.modality == "image" else "--text '...'"
    advice.append(f"Ask the model: journeyman predict {folder} {what}")
    return tuple(advice)


def _confusion(said: Any) -> Matrix | None:
    if not said:
        return None
    return Matrix(
        title="confusion",
        labels=tuple(said["labels"]),
        counts=tuple(tuple(row) for row in said["counts"]),
    )
