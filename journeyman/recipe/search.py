"""What a recipe may say of its search: how many trials over which fields, and how they are run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from journeyman.training.duration import Duration


class SearchOptions(BaseModel):
    """A search over fields of the recipe, judged on validation rows (recipe field `search`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(
        30, ge=1, le=100_000, description="How many settings are tried, the recipe's own first."
    )
    space: dict[str, Any] | None = Field(
        None,
        description="Of each field, by its full name, what is tried: a list of choices, or `low` "
        "and `high` with `log` or `step`; what suits the task, head and tuner when absent.",
        examples=[
            {
                "finetune.learning_rate": {"low": 1e-4, "high": 1e-3, "log": True},
                "finetune.cut": [2, 3, 4],
            }
        ],
    )
    metric: str | None = Field(
        None,
        description="What trials are judged by on validation rows; that of `finetune` when absent.",
        examples=["accuracy"],
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=2**32 - 1,
        description="What the search's random choices start from; the recipe's seed when absent.",
        examples=[1],
    )
    processes: int = Field(
        1, ge=1, le=256, description="Trials run at a time, each with its share of the threads."
    )
    sampler: Literal["tpe", "random"] = Field(
        "tpe",
        description="How settings are proposed: `tpe` learns from the trials before, `random` "
        "does not.",
    )
    pruner: Literal["median", "none"] = Field(
        "median",
        description="When a trial is given up, from its second epoch on: below the median of the "
        "trials before at that epoch, or never.",
    )
    timeout: Duration | None = Field(
        None,
        description="Time after which no trial is begun, such as `10m`; none when absent, and "
        "then the same recipe gives the same winner.",
        examples=["10m"],
    )
    storage: str | None = Field(
        None,
        description="Where finished trials are kept, as a URL of PostgreSQL or SQLite; a file of "
        "the run's folder when absent. A password is read from PGPASSWORD.",
        examples=["postgresql://search@db.example.org/trials"],
    )
