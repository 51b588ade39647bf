"""A model made of what its labels mean, without a single row to learn from.

Chang et al. (2008), "Importance of semantic representation: dataless classification"; with class
means in a pretrained space, as in Snell et al. (2017), "Prototypical networks", section 2.7. Each
label is the vector of its description, and a text has the label whose description is nearest by
angle. The head keeps sums, so rows that come later are added exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import numpy as np

from journeyman.backbones.base import Backbone
from journeyman.backbones.text_encoder import load_backbone
from journeyman.catalogue.backbones import check_readable, resolve
from journeyman.data.label_names import described, name_rows
from journeyman.data.options import DataOptions
from journeyman.errors import DataError
from journeyman.model import Model
from journeyman.progress import QUIET, Reporter
from journeyman.tasks.base import usual_task
from journeyman.training.cache.feature_cache import FeatureCache
from journeyman.training.examples import make_examples
from journeyman.training.options import FinetuneOptions
from journeyman.training.trainer import finetune
from journeyman.types import TargetKind

KIND: TargetKind = "label"
TEXT, LABEL = "text", "label"
"""The columns of rows that the model is asked, or measured on."""

Labels = Mapping[str, str] | Sequence[str]


def zero_shot(
    labels: Labels,
    *,
    backbone: str | Backbone = "minilm-l6",
    template: str = "{}",
    name: str = "zero-shot",
    reporter: Reporter = QUIET,
) -> Model:
    """A model of labels and what they mean: `{"refund": "I want my money back"}`, or names alone.

    A name alone is its own description, underscores as spaces. `template` says how a description is
    put to the backbone, `{}` is where it stands. The model is not saved yet. It abstains from
    nothing, and as no row has told how often it is right, its probabilities are not calibrated.

    Raises DataError for fewer than two labels, a label or a description that is empty or there
    twice, or a template without one `{}`; FetchError for a backbone that is not to be had.
    """
    names = _checked(labels)
    _check_template(template)
    data = DataOptions(
        train="descriptions of labels", text=TEXT, label=LABEL, label_names=names,
        label_template=template,
    )  # fmt: skip
    task = usual_task(KIND)()
    rows = name_rows(sorted(names), data, KIND)
    schema = task.schema([task.target(row, data) for row in rows])
    network = backbone if isinstance(backbone, Backbone) else _loaded(backbone, reporter)
    examples = make_examples(task, network, rows, data, schema)
    options = FinetuneOptions.model_validate({"tuner": "none", "head": {"name": "prototype"}})
    none = examples.select(np.arange(0))
    found = finetune(
        task, network, schema, examples, none, options,
        seed=0, cache=FeatureCache(), reporter=reporter,
    )  # fmt: skip
    calibration = {"temperature": 1.0, "rows": 0}
    return Model(name, found.learner, schema, data, calibration, about=_about(rows))


def label_pairs(said: Iterable[str]) -> dict[str, str]:
    """Labels as the command line gives them, NAME or NAME=DESCRIPTION, up to the first `=`.

    Raises DataError for a name that comes twice.
    """
    found: dict[str, str] = {}
    for one in said:
        name, equals, description = one.partition("=")
        name = name.strip()
        if name in found:
            raise _twice(name)
        found[name] = description if equals else described([name], True)[name]
    return found


def _checked(labels: Labels) -> dict[str, str]:
    """Labels with their descriptions, none empty and none twice."""
    if isinstance(labels, str) or not isinstance(labels, Mapping | Sequence):
        raise _mistake("Labels are a mapping or a list.", "a mapping or a list", repr(labels)[:80])
    given = list(labels)
    for name in given:
        if not isinstance(name, str) or not name.strip():
            raise _mistake("A label has no name.", "names that are not empty", repr(name))
        if given.count(name) > 1:
            raise _twice(name)
    if len(given) < 2:
        what = f"one label, {given[0]!r}" if given else "no label"
        raise _mistake("There is nothing to choose between.", "two labels or more", what)
    if not isinstance(labels, Mapping):
        labels = described(given, True)
    found: dict[str, str] = {}
    for name, description in labels.items():
        if not isinstance(description, str) or not description.strip():
            what = f"{name!r}: {description!r}"[:80]
            raise _mistake("A label has no description.", "a text that says what it means", what)
        if description in found.values():
            other = next(one for one, text in found.items() if text == description)
            what = f"{other!r} and {name!r}: {description!r}"[:120]
            raise _mistake("Two labels mean the same.", "a description of its own for each", what)
        found[name] = description
    return found


def _check_template(template: str) -> None:
    told = isinstance(template, str) and "{}" in template
    if told and template.count("{") == template.count("}") == 1:
        return
    raise DataError(
        "The template does not say where a description stands.",
        place="template",
        expected="a text with one {}",
        found=repr(template)[:80],
        remedy="write it like 'This text is about {}.', or leave it out",
    )


def _twice(name: str) -> DataError:
    return _mistake("A label is there twice.", "each label once", repr(name))


def _mistake(problem: str, expected: str, found: str) -> DataError:
    remedy = "give each label a name and, where the name does not say it all, a description"
    return DataError(problem, place="labels", expected=expected, found=found, remedy=remedy)


def _loaded(reference: str, reporter: Reporter) -> Backbone:
    found = resolve(reference, progress=not reporter.quiet)
    check_readable(found.folder)
    spec = {name: value for name, value in asdict(found).items() if name != "folder"}
    return load_backbone(found.folder, {**spec, "reference": reference})


def _about(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = "\n".join(f"{row[LABEL]}\t{row[TEXT]}" for row in rows)
    fingerprint = sha256(told.encode()).hexdigest()
    return {"data": fingerprint, "rows": {"descriptions": len(rows)}, "parent": None}
