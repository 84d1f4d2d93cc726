"""Scans that may be killed: forks one for every line it reads, and logs each file that is decoded.

Started once, so that a scan does not wait for imports. A line is a JSON list of: root, list, state,
output for the records, log. The answer is the process id, and later its exit status. Each file that
a worker has decoded is a byte in the log, whatever becomes of the scan.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from hashmatch import HashList, Matcher
from hashmatch.examine.sandbox import Pool, Reply
from hashmatch.report import file_record
from hashmatch.scan import History, State, scan


class CountingPool(Pool):
    """A pool that logs what its workers have decoded."""

    log = -1

    def poll(self, timeout: float) -> list[Reply]:
        """See ``Pool.poll``."""
        replies = super().poll(timeout)
        for reply in replies:
            whole = reply.member is None and reply.examination is not None
            if whole and not reply.job.exact and not reply.job.digest_only:
                os.write(self.log, b".")
        return replies


def run(root: str, hash_list: str, state: str, output: str, log: str) -> None:
    """Scan, and at the end write the records."""
    matcher = Matcher(HashList.load(hash_list))
    CountingPool.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with State(state) as opened, CountingPool(2) as pool:
        memory = History(opened, matcher.options)
        results = scan([os.fsencode(root)], matcher, pool, history=memory)
        records = [file_record(result) for result in results]
    Path(output).write_text(json.dumps(records), encoding="utf-8")


def main() -> None:
    """Serve until there are no more lines."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            run(*json.loads(line))
            os._exit(0)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
