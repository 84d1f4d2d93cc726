"""What ``hashmatch shard`` does with its settings."""

from __future__ import annotations

import json
import os
import socket
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

from hashmatch.cli.case_store import CaseStore, open_store
from hashmatch.cli.custody import open_custody
from hashmatch.cli.load_lists import load_lists
from hashmatch.cli.results import open_results, say_summary, say_thresholds, settings_record
from hashmatch.cli.scan import CustodySettings
from hashmatch.cli.shard import MergeSettings, PlanSettings, ShardRunSettings
from hashmatch.cli.streams import say
from hashmatch.cli.to_scan import to_scan
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
from hashmatch.sources import OpenStores
from hashmatch.state.rows import SHA256
from hashmatch.text import count


def plan(asked: PlanSettings) -> int:
    """Write a plan, and return the exit code."""
    with ExitStack() as stack:
        options = asked.objects.options()
        stores = stack.enter_context(OpenStores(options))
        found = Plan(
            paths=list(asked.walk.paths or ()),
            files_from=asked.walk.files_from,
            walk=asked.walk.options(),
        )
        sources = to_scan(asked.walk, stack, stores, found.counts, found.walk)
        matcher = Matcher(
            load_lists(asked.lists, quiet=asked.results.quiet),
            **asdict(asked.matching),
            **asked.pictures.arguments(),
            **asked.archives.arguments(),
            isolate=False,  # nothing is decoded here
        )
        # By the SHA-256, a merge knows contents that people have decided about
        digests = tuple(dict.fromkeys((*matcher.options.digests, SHA256)))
        work = Work(
            replace(matcher.options, digests=digests),
            replace(asked.workers.limits(), notify=None),
            os.fsencode(Path.cwd()),
            found.walk.follow_symlinks,
            options.requester_pays,
        )
        items = chain.from_iterable(sources)
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
    results = find_results(asked.source.paths)
    with ExitStack() as stack:
        store = open_store(asked.custody.cases, None, stack)
        matcher = _build_matcher(asked, found, store)
        source = RecordedSource(found, folder, results, matcher.options.digests)
        kept = CustodySettings(audit=asked.custody.audit)
        custody = open_custody(kept, (), stack, cases=store)
        stores = stack.enter_context(asked.objects.stores())
        run = Run(
            asked.workers.count(),
            paths=found.paths,
            files_from=found.files_from,
            max_list_age=asked.lists.max_list_age,
        )
        with (
            open_results(asked.results, run, custody, found.items) as writer,
            Recorded(pool, stores) as examiner,
        ):
            settings = settings_record(
                matcher, asked.lists, plan=str(folder), cases=store and store.place
            )
            custody.begin(matcher.hash_lists, settings, command="shard merge")
            writer.follow(scan_sources([source], matcher, examiner))
            summary = writer.sum_up(matcher, found.counts, found.walk)
        custody.end(summary)
    if not summary["files"] and not summary["run"]["interrupted"]:
        say("the plan has no file")
    return say_summary(summary, asked.results)


def _build_matcher(asked: MergeSettings, found: Plan, store: CaseStore | None) -> Matcher:
    """A matcher that looks up what the shards hold.

    Raises ``SettingsError`` if the lists need other hashes, and ``UnfitError`` if this machine
    would hash the files in another way than the nodes did.
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
    matcher = Matcher(lists, **asked.matching.arguments(), **how, isolate=False, reviews=store)
    wanted = matcher.options
    if options is not None and (
        replace(options, digests=wanted.digests) != wanted
        or not set(wanted.digests) <= set(options.digests)
    ):
        raise SettingsError(
            "these lists need hashes that the shards do not have: make the plan again with them"
        )
    say_thresholds(asked.matching, matcher.expected_false())
    return matcher
