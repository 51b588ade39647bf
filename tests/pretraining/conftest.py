"""The contracts' samples serve these tests too, and journeys that are killed."""

import sys
from pathlib import Path

for room in ("contracts", "training"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
