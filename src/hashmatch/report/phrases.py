"""What a report says in words, the same in HTML and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from hashmatch.model import Reason, Verdict
from hashmatch.report.overview import Overview, shown
from hashmatch.report.records import INTERRUPTED
from hashmatch.text import printable

VERDICTS = {
    Verdict.MATCH.value: ("match", "near to an entry"),
    Verdict.LOW_INFORMATION.value: ("low information", "near, with too little detail to tell"),
    Verdict.UNSCANNED.value: ("unscanned", "not wholly examined"),
    Verdict.CLEAR.value: ("clear", "examined, and near to none"),
    Verdict.NOT_IMAGE.value: ("no image", "no picture that is looked for"),
}
"""Each verdict's name for people, and what it means."""

REASONS = {reason.value: reason.value.replace("_", " ") for reason in Reason}
"""Each reason's name for people."""

_BY_SIGNAL = 128
"""Exit codes from here on are of a scan that a signal stopped."""

EXIT_WORDS: dict[int | None, str] = {
    None: "The results have no summary, so what came of the scan as a whole is not known.",
    0: "Every file was examined, and none is near to an entry.",
    1: "There are matches",
    2: "there are files that were not wholly examined",
    4: "there are candidates with too little detail, for a human to look at",
    INTERRUPTED: "The scan was stopped before its end.",
}


def exit_sentence(code: int) -> str:
    """What an exit code of ``scan`` says."""
    if code == 0 or code >= _BY_SIGNAL:
        return f"{EXIT_WORDS[code and INTERRUPTED]} (Exit code {code}.)"
    said = [EXIT_WORDS[bit] for bit in (1, 2, 4) if code & bit]
    sentence = ", and ".join(said)
    return f"{sentence[:1].upper()}{sentence[1:]}. (Exit code {code}.)"


def percent(part: int, whole: int) -> str:
    """A share for people, which never rounds something to nothing."""
    if not whole:
        return "0%"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "under 0.1%"
    return f"{share:.1f}%" if share % 1 else f"{share:.0f}%"


def facts(overview: Overview) -> Iterator[tuple[str, str]]:
    """The circumstances of the run, by name."""
    yield "files", f"{overview.files:,}"
    speed = overview.files_a_second()
    if overview.summary is None:
        return
    run, versions = overview.summary["run"], overview.summary.get("versions", {})
    yield "started", printable(run.get("started") or "not known")
    yield "took", f"{float(run.get('seconds', 0)):,.1f} seconds"
    yield "throughput", "not known" if speed is None else f"{speed:,.1f} files a second"
    for name, value in run.items():
        if name not in {"started", "seconds"}:
            yield printable(name), shown(value)
    for name, value in overview.summary.get("walk", {}).items():
        yield printable(name.replace("_", " ")), shown(value)
    for name, value in versions.items():
        yield printable(f"{name} version"), printable(str(value))
    yield "exit code", str(overview.summary["exit_code"])


def list_rows(overview: Overview) -> Iterator[tuple[str, str, str, str, str]]:
    """Each list's name, version, date, number of entries, and digest."""
    for each in () if overview.summary is None else overview.summary["lists"]:
        entries = each.get("entries", "")
        yield (
            printable(each["name"]),
            printable(str(each.get("version") or "")),
            printable(str(each.get("created") or "")),
            f"{entries:,}" if isinstance(entries, int) else printable(str(entries)),
            printable(str(each.get("digest") or "")),
        )
