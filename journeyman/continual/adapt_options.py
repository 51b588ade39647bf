"""What a recipe says of what comes after the first training (recipe field `adapt`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from journeyman.continual.options import UpdateOptions
from journeyman.data.options import DataOptions, Where

LEARNED_ONCE = ("extra", "unlabelled")
APART = (*LEARNED_ONCE, "train", "dataset", "validation", "exam", "test", "where", "format")
"""Fields of the recipe's data that an arrival from elsewhere does not share."""


class Arrival(BaseModel):
    """Rows that arrive together, such as a new domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$",
        description="What the update is called in the report and in later exams.",
        examples=["reviews"],
    )  # fmt: skip
    train: str | None = Field(
        None, description="The rows: a file, read as `data.train` is; of the recipe's when absent."
    )
    dataset: str | None = Field(None, description="The rows: a dataset of the catalogue by name.")
    where: Where | None = Field(
        None,
        description="Rows that are read, by what columns hold, in place of `data.where`.",
        examples=[{"domain": "movie"}],
    )
    announced: bool = Field(
        True,
        description="Whether the model is told that they arrive. If not, they follow, without "
        "labels, on test rows of what came before; the drift has to be seen, and labels of some "
        "rows are asked for, which those of the data then answer.",
    )
    labels: int = Field(
        200, ge=10, description="Of what is not announced: rows that labels are asked for."
    )
    limit: int | None = Field(
        None, ge=10, description="Use a seeded sample of at most this many rows."
    )

    def data(self, base: DataOptions) -> DataOptions:
        """Where the arrival's rows are: columns and all else as in the recipe's `data`."""
        own = self.model_dump(exclude_unset=True, exclude={"name", "announced", "labels"})
        apart = APART if self.train or self.dataset else LEARNED_ONCE
        said = base.model_dump(exclude_unset=True, exclude=set(apart))
        return DataOptions(**{**said, **own})


class AdaptOptions(UpdateOptions):
    """What the model is taught after it is made, one arrival after another, and what it forgets."""

    arrivals: tuple[Arrival, ...] = Field(
        (),
        description="Rows that arrive one after another; each is learned without the rows before "
        "it, and refused where old skills would be lost.",
    )
    forget: tuple[str, ...] = Field(
        (),
        description="Ids of rows that are forgotten at the end, as if they had never been learned: "
        "those of `predict`, from the id column or a hash of the text.",
    )
