"""Counts of distinct listeners from the sketches that Spark's `hll_sketch_agg` left in the tiles.

A listener appears in many tiles, so their counts can't be added up; sketches (Apache DataSketches HLL) can be merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datasketches import hll_sketch, hll_union  # type: ignore[import-untyped]

# Tiles hold sketches of 2^12 registers (Spark's default). A union can be finer than its parts at no loss, not coarser.
LG_REGISTERS = 12

# Standard deviations on either side: 2 hold the true count in about 95 of 100 cases.
DEVIATIONS = 2


@dataclass(frozen=True)
class Estimate:
    """About `count` distinct listeners; in 95 of 100 cases the true count lies in `low` to `high`."""

    count: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The larger distance to a bound, as a share of the count."""
        return max(self.high - self.count, self.count - self.low) / self.count if self.count else 0.0


class Listeners:
    """A set of listeners that only grows, as one merged sketch."""

    def __init__(self, sketches: Iterable[bytes] = ()) -> None:
        """Merge `sketches`, each as Spark wrote it."""
        self._union = hll_union(LG_REGISTERS)
        for sketch in sketches:
            self._union.update(hll_sketch.deserialize(bytes(sketch)))

    def add(self, others: Listeners) -> None:
        """Merge another set into this one."""
        self._union.update(others._union.get_result())

    def estimate(self) -> Estimate:
        """How many distinct listeners the set holds, and how sure that is."""
        union = self._union
        return Estimate(union.get_estimate(), union.get_lower_bound(DEVIATIONS), union.get_upper_bound(DEVIATIONS))
