"""Prometheus' text format, through its own client library."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from sluice.telemetry.metrics import Metric

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class _Given(Collector):
    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The metrics as Prometheus reads them."""
    families = []
    for metric in metrics:
        family = Family(metric.name.removesuffix("_total"), metric.help, metric.kind)
        for sample in metric.samples:
            family.add_sample(f"{family.name}{sample.suffix}", dict(sample.labels), sample.value)
        families.append(family)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(families))
    return generate_latest(registry)
