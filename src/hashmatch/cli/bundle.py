"""What ``hashmatch review bundle`` writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from hashmatch.cases import Cases
from hashmatch.cases.evidence import evidence
from hashmatch.custody.audit import AuditLog
from hashmatch.errors import OutputError
from hashmatch.files import write_atomically
from hashmatch.hashlist.signing import SUFFIX, sign_bytes
from hashmatch.report.evidence_page import evidence_page

NAME = "evidence.json"
PAGE = "evidence.html"


def write_bundle(
    cases: Cases, number: int, folder: Path, *, key: Path | None, audit: Path | None
) -> list[Path]:
    """Write the evidence of a case into a folder, and return the files.

    With a key, the evidence is signed. The audit trail records the bundle, which names the trail's
    head.

    Raises:
        CaseError: there is no such case.
        SettingsError: the key cannot be read.
        OutputError: a file cannot be written.
    """
    case, head = cases.get(number), None
    if audit is not None:
        with AuditLog.open(audit, wait=5.0) as log:
            settings = {"cases": cases.token, "case": number, "output": str(folder)}
            log.start(command="review bundle", settings=settings)
            head = log.finish(exit_code=0, counts={})
    record = evidence(case, store=cases.token, created=datetime.now(UTC), audit_head=head)
    data = (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()
    files = {NAME: data, PAGE: evidence_page(record).encode()}
    if key is not None:
        files[NAME + SUFFIX] = sign_bytes(data, key)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot be made: {error.strerror}", path=str(folder)) from error
    for name, content in files.items():
        with write_atomically(folder / name) as stream:
            stream.write(content)
    return [folder / name for name in files]
