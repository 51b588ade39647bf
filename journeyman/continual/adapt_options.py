"""What a recipe says of what comes after the first training (recipe field `adapt`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from journeyman.continual.options import UpdateOptions
from journeyman.data.options import DataOptions

APART = ("train", "dataset", "validation", "exam", "test", "extra", "unlabelled", "where", "format")
"""Fields of the recipe's data that an arrival from elsewhere does not share."""


class Arrival(BaseModel):
    """Rows that arrive together, such as a new domain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        min_length=1, max_length=100, pattern=r"^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$",
        description="What the update is called in the report and in later exams.",
        examples=["reviews"],
    )  # fmt: skip
    data: DataOptions = Field(
        description="The rows, written like `data`; what is left out is as there.",
        examples=[{"where": {"domain": "movie"}}, {"train": "week-2.csv"}],
    )

    def columns_of(self, base: DataOptions) -> DataOptions:
        """The arrival's data with what it leaves out taken from the recipe's."""
        own = self.data.model_dump(exclude_unset=True)
        said = base.model_dump(exclude_unset=True)
        if self.data.train is not None or self.data.dataset is not None:
            said = {name: value for name, value in said.items() if name not in APART}
        else:
            said = {
                name: value for name, value in said.items() if name not in ("extra", "unlabelled")
            }
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
