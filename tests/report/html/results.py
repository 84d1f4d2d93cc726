"""Results of scans, as a scan writes them, with names that try to do harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HOSTILE = [
    "<img src=x onerror=window.owned=1>.jpg",
    '"><script>window.owned=1</script>.jpg',
    "</td></table></script><script>window.owned=1</script>",
    "' onmouseover='window.owned=1",
    "<svg/onload=window.owned=1>",
    "javascript:window.owned=1",
    "<style>*{display:none}</style><link rel=stylesheet href=http://127.0.0.1:9/>",
    "<iframe srcdoc='<script>parent.owned=1</script>'>",
    "<base href=http://127.0.0.1:9/><form action=http://127.0.0.1:9/><button autofocus>",
    "${window.owned=1}{{window.owned=1}}",
    "![x](http://127.0.0.1:9/x.png) [y](javascript:alert(1)) | `z` **b**",
    "\u202egpj.exe",
    "line\nbreak\x1b[31m\x00\u2028",
    "&amp;&lt;b&gt;",
]

LIST = {
    "name": "synthetic",
    "version": "7",
    "created": "2026-01-01",
    "digest": "sha256:" + "ab" * 32,
    "entries": 1234567,
    "flat": 0,
    "skipped": 0,
}


def match(**more: Any) -> dict[str, Any]:
    """A match as a scan records it."""
    return {
        "list": "synthetic",
        "entry": "synthetic-0001",
        "label": None,
        "algorithm": "phash",
        "bits": 64,
        "distance": 2,
        "threshold": 8,
        "view": "stored",
        "quality": 100,
        "cause": None,
        **more,
    }


def file(path: str, verdict: str = "clear", **more: Any) -> dict[str, Any]:
    """A file's record."""
    record = {
        "type": "file",
        "schema": 1,
        "path": path,
        "verdict": verdict,
        "reason": None,
        "detail": None,
        "matches": [],
        "quality": 100,
        "width": 10,
        "height": 10,
        "format": "JPEG",
        **more,
    }
    return {"match_count": len(record["matches"]), **record}


def summary(files: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The record that sums up the others."""
    verdicts = ["match", "clear", "candidate", "not_image", "unscanned"]
    return {
        "type": "summary",
        "schema": 1,
        "files": len(files),
        "verdicts": {name: sum(each["verdict"] == name for each in files) for name in verdicts},
        "reasons": {},
        "walk": {"folders": 3, "symlinks": 0},
        "lists": [LIST],
        "settings": {"thresholds": {"phash-64": 8}, "mirrors": False, "formats": ["JPEG"]},
        "versions": {"hashmatch": "0.1.0", "pillow": "13.0.0"},
        "run": {
            "started": "2026-11-23T01:02:03+00:00",
            "seconds": 2.0,
            "jobs": 2,
            "interrupted": False,
        },
        "exit_code": 3,
        **more,
    }


def hostile() -> list[dict[str, Any]]:
    """Records in which every name and text that someone else chose is hostile."""
    files = [
        file(
            name,
            "match",
            matches=[
                match(
                    list=name,
                    entry=f"{name}-{number}",
                    label=name,
                    category=name,
                    distance=(number * 7) % 9,
                    view=name,
                )
            ],
        )
        for number, name in enumerate(HOSTILE)
    ]
    files += [file(name, "unscanned", reason="truncated", detail=name) for name in HOSTILE]
    last = summary(files)
    last["lists"] = [{**LIST, "name": name, "version": name} for name in HOSTILE]
    last["settings"] = {name: name for name in HOSTILE}
    last["versions"] = {name: name for name in HOSTILE}
    return [*files, last]


def ordinary() -> list[dict[str, Any]]:
    """Records of an ordinary scan."""
    files = [
        file(f"folder/{number}.jpg", "match", matches=[match(distance=number % 5)])
        for number in range(12)
    ]
    files.append(
        file(
            "folder/flat.png",
            "candidate",
            matches=[match(distance=0, quality=3, cause="low_information", entry="synthetic-0002")],
        )
    )
    files += [file(f"folder/clear-{number}.jpg") for number in range(20)]
    files.append(file("folder/notes.txt", "not_image", format=None))
    files.append(file("folder/cut.jpg", "unscanned", reason="truncated", detail="cut short"))
    return [*files, summary(files)]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    """Write records as JSONL."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path
