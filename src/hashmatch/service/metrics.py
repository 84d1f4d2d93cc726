"""The figures that Prometheus collects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hashmatch.hashlist import HashList
from hashmatch.hashlist.freshness import age_of
from hashmatch.model import Outcome
from hashmatch.service.log import dropped_lines
from hashmatch.service.unanswered import Why

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """Counts what the service does."""

    def __init__(
        self, hash_lists: Callable[[], Sequence[HashList]], pool_restarts: Callable[[], int]
    ) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self._verdicts = counter("hashmatch_verdicts", "Uploads by verdict.", ["door", "verdict"])
        self._reasons = counter(
            "hashmatch_reasons", "Uploads not wholly examined, by reason.", ["door", "reason"]
        )
        self._unanswered = counter(
            "hashmatch_unanswered", "Uploads without a verdict, by reason.", ["door", "reason"]
        )
        self._seconds = Histogram(
            "hashmatch_upload_seconds",
            "Time from the start of an upload to its answer.",
            ["door"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._reloads = counter("hashmatch_reloads", "Reloads of the lists, by result.", ["result"])
        gauge(
            "hashmatch_pool_restarts",
            "How often all worker processes had died and others were started.",
        ).set_function(pool_restarts)
        gauge(
            "hashmatch_log_lines_dropped",
            "Lines of the log that were dropped because its reader had fallen behind.",
        ).set_function(dropped_lines)
        self._holds = counter("hashmatch_holds", "Matched uploads to hold, by result.", ["result"])
        self.active = gauge("hashmatch_active_uploads", "Uploads received or examined now.")
        self.held = gauge("hashmatch_held_bytes", "Bytes of these uploads.")
        self.registry.register(_ListFigures(hash_lists))

    def answered(self, door: str, outcome: Outcome, seconds: float) -> None:
        """Count an upload that got a verdict."""
        self._verdicts.labels(door, outcome.verdict.value).inc()
        if outcome.reason is not None:
            self._reasons.labels(door, outcome.reason.value).inc()
        self._seconds.labels(door).observe(seconds)

    def unanswered(self, door: str, why: Why, seconds: float) -> None:
        """Count an upload that got none."""
        self._unanswered.labels(door, why.value).inc()
        self._seconds.labels(door).observe(seconds)

    def reloaded(self, result: str) -> None:
        """Count a reload: ``loaded`` or ``refused``."""
        self._reloads.labels(result).inc()

    def hold(self, result: str) -> None:
        """Count a hold: ``held`` or ``failed``."""
        self._holds.labels(result).inc()

    def text(self) -> bytes:
        """All figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class _ListFigures(Collector):
    def __init__(self, hash_lists: Callable[[], Sequence[HashList]]) -> None:
        self._hash_lists = hash_lists

    def collect(self) -> list[GaugeMetricFamily]:
        entries = GaugeMetricFamily(
            "hashmatch_list_entries", "Entries that can match.", labels=["list"]
        )
        age = GaugeMetricFamily(
            "hashmatch_list_age_seconds", "Age of the list, if it has a date.", labels=["list"]
        )
        now = datetime.now(UTC)
        for each in self._hash_lists():
            entries.add_metric([each.name], len(each))
            since = age_of(each, now)
            if since is not None:
                age.add_metric([each.name], since.total_seconds())
        return [entries, age]
