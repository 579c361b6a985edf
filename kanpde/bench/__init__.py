"""Benchmarks: problems x seeds x budgets with the default plan, as tables, curves and a picture."""

from kanpde.bench.measure import measure

__all__ = ["measure"]
