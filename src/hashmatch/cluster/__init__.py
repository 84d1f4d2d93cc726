"""One scan on many machines, none of which has the list except the one you start.

That machine, the *coordinator*, walks the sources and cuts them into *shards* (``shard.py``): what
to examine, and how. A *node* (``node.py``) examines a shard in the same sandboxed pool as a scan,
and writes one line for each part: the examination, in the words that workers use, so hashes and no
verdict. The coordinator reads these lines as it reads a worker's (``answers.py``): each is bounded
and checked field by field, and each item must be answered exactly once.

``hashmatch shard`` carries shards as files, for Slurm and Kubernetes arrays: ``plan.py`` writes
them, and ``merge.py`` is an examiner that replays the results into the usual scan. Wherever an
answer comes from, the verdict is given at home, by the usual rule and in the usual order.

Nothing that a node imports from this package knows about lists. A node can still lie about what it
examined.
"""
