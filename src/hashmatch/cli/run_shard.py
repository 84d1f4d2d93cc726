"""What ``hashmatch shard`` does with its settings."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hashmatch.cli.custody import Custody
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.results import open_results, say_summary, say_thresholds
from hashmatch.cli.scan import CustodySettings
from hashmatch.cli.shard import MergeSettings, PlanSettings, ShardRunSettings
from hashmatch.cli.streams import say
from hashmatch.cli.to_scan import paths_of
from hashmatch.cluster.merge import Recorded, RecordedSource, find_results, results_header
from hashmatch.cluster.node import check_rules, examine_shard
from hashmatch.cluster.plan import Plan, read_manifest, read_plan, shards_of, write_plan
from hashmatch.cluster.shard import Work
from hashmatch.errors import SettingsError
from hashmatch.examine.sandbox import AnyPool, make_pool
from hashmatch.examine.sandbox.cores import resolve_jobs
from hashmatch.files import write_atomically
from hashmatch.match.matcher import Matcher
from hashmatch.report import Run
from hashmatch.scan import scan_sources
from hashmatch.sources import walk
from hashmatch.text import count


def plan(asked: PlanSettings) -> int:
    """Write a plan, and return the exit code."""
    with ExitStack() as stack:
        paths = paths_of(asked.walk, stack)
        matcher = Matcher(
            load_lists(asked.lists, quiet=asked.results.quiet),
            **asdict(asked.matching),
            **asked.pictures.arguments(),
            **asked.archives.arguments(),
            isolate=False,  # nothing is decoded here
        )
        found = Plan(
            paths=list(asked.walk.paths or ()),
            files_from=asked.walk.files_from,
            walk=asked.walk.options(),
        )
        limits = replace(asked.workers.limits(), notify=None)
        work = Work(matcher.options, limits, os.fsencode(Path.cwd()), found.walk.follow_symlinks)
        items = walk(paths, found.counts, found.walk)
        write_plan(items, work, found, asked.results.output, asked.results.files_per_shard)
    if not asked.results.quiet:
        say(f"{count(found.items, 'file')} in {count(len(found.shards), 'shard')}")
    return 0


def run(asked: ShardRunSettings) -> int:
    """Examine a shard, and return the exit code."""
    name, shard = read_manifest(asked.manifest)
    limits = replace(shard.work.limits, notify=say)
    with (
        make_pool(resolve_jobs(asked.jobs), limits) as pool,
        write_atomically(asked.output) as file,
    ):
        header = results_header(name, socket.gethostname())
        file.write(json.dumps(header).encode() + b"\n")
        file.writelines(examine_shard(shard, pool))
    return 0


def merge(asked: MergeSettings, pool: AnyPool) -> int:
    """Merge results, write the records, and return the exit code."""
    folder = asked.source.plan
    found = read_plan(folder)
    source = RecordedSource(found, folder, find_results(asked.source.paths))
    matcher = _build_matcher(asked, found)
    run = Run(
        asked.workers.count(),
        paths=found.paths,
        files_from=found.files_from,
        max_list_age=asked.lists.max_list_age,
    )
    custody = Custody(CustodySettings())
    with (
        open_results(asked.results, run, custody, found.items) as writer,
        Recorded(pool) as examiner,
    ):
        writer.follow(scan_sources([source], matcher, examiner))
        summary = writer.sum_up(matcher, found.counts, found.walk)
    if not summary["files"] and not summary["run"]["interrupted"]:
        say("the plan has no file")
    return say_summary(summary, asked.results)


def _build_matcher(asked: MergeSettings, found: Plan) -> Matcher:
    """A matcher that looks up what the shards hold.

    Raises:
        SettingsError: the lists need other hashes.
        UnfitError: this machine would hash the files in another way than the nodes did.
    """
    first = next((shard for _, shard in shards_of(found, asked.source.plan)), None)
    options = None if first is None else first.work.options
    if first is not None:
        check_rules(first)
    lists = load_lists(asked.lists, quiet=asked.results.quiet)
    how: dict[str, Any] = {}
    if options is not None:
        names = ("limits", "archives", "video", "formats", "mirrors", "views", "quality_floor")
        how = {name: getattr(options, name) for name in names}
        how["decode"] = "fast" if options.fast else "exact"
    matcher = Matcher(lists, **asked.matching.arguments(), **how, isolate=False)
    if options is not None and matcher.options != options:
        raise SettingsError(
            "these lists need hashes that the shards do not have: make the plan again with them"
        )
    say_thresholds(asked.matching, matcher.expected_false())
    return matcher
