"""Whether the labels of ratings are those of the data, so that a rater can stand beside a model."""

from __future__ import annotations

from journeyman.data.checks.base import CHECKS, Check, Checked, Outcome
from journeyman.errors import DataError


@CHECKS.register("ratings")
class RatingLabels(Check):
    """A rater's answers are low, middle or high: each must be a label, and no label another."""

    stages = ("before",)

    def check(self, checked: Checked) -> Outcome:
        """Raise DataError when `data.rating_labels` are other labels than the rows have."""
        data, target = checked.data, checked.target
        if data.ratings is None or data.rating_labels is None or target.kind != "label":
            return Outcome()
        present = set(target.counts(checked.tables["train"]))
        named = set(data.rating_labels)
        if present - named or len(present & named) < 2:
            raise DataError(
                "The labels of the ratings are not those of the rows.",
                place="recipe field data.rating_labels",
                expected=f"the labels of the data: {', '.join(sorted(present)[:10])}",
                found=", ".join(data.rating_labels),
                remedy="name the data's labels of low, middle and high ratings, or leave "
                "`ratings` out",
            )
        return Outcome()
