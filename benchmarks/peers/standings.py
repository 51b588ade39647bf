"""What the pieces come to: accuracy, cost, and paired differences over the same test rows.

The interval of a difference is a bootstrap over test rows, drawn together for both sides, of each
row's difference averaged over the seeds (`benchmarks.pairs`).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pairs import mean_over_rows, paired
from benchmarks.peers.piece import unpacked

COSTS = ("seconds", "processor_seconds", "peak_mb", "process seconds")
RATIO = "times the reference"
"""Seconds over those of the reference on the same machine and day."""


def standings(
    pieces: Mapping[str, Any], names: Sequence[str], reference: str
) -> list[dict[str, Any]]:
    """One entry a contestant that has run, in the order of `names`.

    Differences in accuracy: the entry's less the best peer's, and the reference's less the entry's.
    """
    finals = _finals(pieces, names)
    right = {
        name: {piece["asked"]["seed"]: unpacked(piece["right"]) for piece in found}
        for name, found in finals.items()
    }
    best = _best_peer(finals)
    table = []
    for name, found in finals.items():
        entry: dict[str, Any] = {
            "contestant": name,
            "ours": _ours(found),
            "seeds": len(found),
            "setting": found[0]["asked"]["setting"],
            "epochs": found[0]["asked"]["epochs"],
            "accuracy": mean_over_rows(list(right[name].values())).to_json(),
            "processors": sorted({piece["processor"] for piece in found}),
            "by seed": [round(piece["accuracy"], 5) for piece in found],
            **{cost: round(_mean(found, cost), 1) for cost in COSTS},
            RATIO: round(_mean(found, RATIO), 2),
            "choosing seconds": _choosing(pieces, name),
        }
        for label, other in (("less the best peer", best), ("reference less it", reference)):
            if other is not None and other in finals and other != name:
                pair = (name, other) if label == "less the best peer" else (other, name)
                difference = paired(right[pair[0]], right[pair[1]])
                entry[label] = {"other": other, **difference.to_json()}
        if best is not None and _ours(found):
            entry["times faster than the best peer"] = round(
                _mean(finals[best], RATIO) / _mean(found, RATIO), 1
            )
        table.append(entry)
    return table


def _finals(pieces: Mapping[str, Any], names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The final pieces of each contestant, by seed."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        own = [p for p in pieces.values() if p["contestant"] == name]
        final = [p for p in own if p["asked"]["stage"] == "final"]
        if final:
            found[name] = sorted(final, key=lambda piece: piece["asked"]["seed"])
    return found


def _best_peer(finals: Mapping[str, list[dict[str, Any]]]) -> str | None:
    """The most accurate contestant that is not ours."""
    peers = {n: _mean(found, "accuracy") for n, found in finals.items() if not _ours(found)}
    return max(peers, key=lambda name: peers[name]) if peers else None


def _choosing(pieces: Mapping[str, Any], name: str) -> float:
    """Seconds of trying the grid, which the table's seconds leave out."""
    tried = [p for p in pieces.values() if p["contestant"] == name]
    return round(sum(float(p["seconds"]) for p in tried if p["asked"]["stage"] == "choose"), 1)


def _ours(found: list[dict[str, Any]]) -> bool:
    return bool(found[0]["asked"]["runs"] == "ours")


def _mean(found: list[dict[str, Any]], figure: str) -> float:
    return statistics.mean(float(piece[figure]) for piece in found)
