"""Evidence that can be handed over, and feedback for the owners of lists."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cases.findings import finding, match_of
from hashmatch import Entry, PerceptualHash
from hashmatch.cases import Cases
from hashmatch.cases.feedback import write_feedback
from hashmatch.cli.main import run

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "evidence.schema.json"
UPLOAD = {"client": "shop", "request": "r1", "number": "N1", "address": "192.0.2.7"}


def bundle(place: Path, case: int, folder: Path, *options: str) -> dict[str, Any]:
    """Write a bundle by command, check it against the schema, and return it."""
    command = ["review", "bundle", str(case), "--cases", str(place), "-o", str(folder), *options]
    assert run(command) == 0
    record: dict[str, Any] = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(record)
    return record


def resolved(record: Any, pointer: str) -> Any:
    """What is at a JSON Pointer."""
    for step in pointer.split("/")[1:]:
        record = record[int(step)] if isinstance(record, list) else record[step]
    return record


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An upload with a hostile name, decided and viewed, and a scanned file that was neither."""
    path = tmp_path / "cases.db"
    with Cases(path) as cases:
        hostile = Entry("e1", match_of(1).entry.hash, "<script>alert(1)</script>", "A1")
        name = b'<img src=x onerror="alert(1)">.jpg'
        match = match_of(1, entry=hostile)
        cases.record([finding(1, match, door="http", path=name, quarantine="/q", item=3, **UPLOAD)])
        cases.record([finding(2, path=b"/files/\xff.jpg")])
        cases.decide(1, "ann", "confirmed", "clear <b>case</b>")
        cases.viewed(1, "ann", "blurred")
    return path


def test_a_bundle_has_what_reports_ask_for(place: Path, tmp_path: Path) -> None:
    """Times, places, digests, viewings, decisions and the audit head are there; blanks are told."""
    trail = tmp_path / "audit.log"
    record = bundle(place, 1, tmp_path / "out", "--audit", str(trail))
    (where,) = record["places"]
    assert (where["upload_ip"], where["number"], where["door"]) == ("192.0.2.7", "N1", "http")
    assert where["upload_time"] == record["incident"]["time"] == where["first_seen"]
    assert where["held"] == {"quarantine": "/q", "item": 3}
    assert record["file"]["digests"]["sha256"] == f"{1:064x}"
    assert record["file"]["viewed"] is True
    assert record["classification"] == {"industry": None, "lists": ["A1"]}
    assert [made["reviewer"] for made in record["decisions"]] == ["ann"]
    events = [json.loads(line) for line in trail.read_text().splitlines()]
    assert record["audit"]["head"] == events[-1]["digest"]
    assert all(resolved(record, each) is None for each in record["blank"])
    assert {"/incident/type", "/person/user", "/file/digests/md5"} <= set(record["blank"])
    assert "fedcba9876543210" not in json.dumps(record)


def test_what_nobody_viewed_is_not_called_viewed(place: Path, tmp_path: Path) -> None:
    """A scanned file has no upload time, and nobody has seen it; its name may be any bytes."""
    record = bundle(place, 2, tmp_path / "out")
    assert (record["file"]["viewed"], record["incident"]["time"]) == (False, None)
    assert record["places"][0]["upload_time"] is None
    assert "path_b64" in record["places"][0]
    assert "/audit/head" in record["blank"]


def test_the_page_runs_nothing_of_a_stranger(place: Path, tmp_path: Path) -> None:
    """File names and labels are text on the page, which has no picture and loads nothing."""
    bundle(place, 1, tmp_path / "out")
    page = (tmp_path / "out" / "evidence.html").read_text(encoding="utf-8")
    assert "&lt;img src=x" in page
    assert not {"<img", "<script", "<b>case"} & {page[at : at + 7] for at in range(len(page))}
    assert "<img" not in page
    assert "<b>case" not in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_a_signature_can_be_checked_without_hashmatch(place: Path, tmp_path: Path) -> None:
    """The signature is of the exact bytes, and OpenSSL verifies it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    assert run(["list", "keygen", "--key", str(key), "--public-key", str(public)]) == 0
    bundle(place, 1, tmp_path / "out", "--key", str(key))
    files = tmp_path / "out" / "evidence.json", tmp_path / "out" / "evidence.json.sig"
    check = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin"]
    check += ["-in", str(files[0]), "-sigfile", str(files[1])]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0
    files[0].write_bytes(files[0].read_bytes().replace(b"ann", b"eve"))
    assert subprocess.run(check, check=False, capture_output=True).returncode != 0


def test_a_missing_case_is_said(place: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """A bundle of no case exits with 66 and writes nothing."""
    command = ["review", "bundle", "9", "--cases", str(place), "-o", str(tmp_path / "out")]
    assert run(command) == 66
    assert "no case has the number 9" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture
def judged(tmp_path: Path) -> Cases:
    """Decisions on three entries: confirmed, refuted at distance 0, refuted further out."""
    cases = Cases(tmp_path / "feedback.db")
    made = [("a", 5, "confirmed"), ("a", 0, "unsure"), ("b", 0, "false_positive")]
    made += [("c", 7, "false_positive"), ("=d", 0, "confirmed"), ("=d", 0, "false_positive")]
    value = PerceptualHash("pdq", 256, (1, 2, 3, 4))
    for number, (entry, distance, decision) in enumerate(made):
        more = {"algorithm": "pdq", "bits": 256, "list": "ncmec", "entry": Entry(entry, value)}
        cases.record([finding(number, match_of(1, distance=distance, **more))])
        cases.decide(number + 1, "ann", decision)
    cases.record([finding(99, match_of(99))])
    cases.decide(len(made) + 1, "ann", "confirmed")
    yield cases
    cases.close()


def test_feedback_says_what_decisions_tell_of_an_entry(judged: Cases) -> None:
    """One confirmed match affirms an entry; only a refuted one at distance 0 speaks against it."""
    stream = io.StringIO()
    assert write_feedback(judged, "ncmec", "ncmec", stream) == 4
    votes = {each["entry"]: each for each in json.loads(stream.getvalue())["feedback"]}
    verdicts = {entry: each["affirmative"] for entry, each in votes.items()}
    assert verdicts == {"a": True, "b": False, "c": None, "=d": None}
    assert votes["a"]["feedbackType"] == "PDQ"
    assert (votes["a"]["confirmed"], votes["a"]["unsure"], votes["c"]["refuted"]) == (1, 1, 1)
    assert votes["c"]["refuted_at_0"] == 0
    stream = io.StringIO()
    write_feedback(judged, "ncmec", "stopncii", stream)
    values = [
        each["hashFeedback"]["feedbackValue"] for each in json.loads(stream.getvalue())["feedback"]
    ]
    assert values == ["PendingReview", "Blocked", "NotBlocked", "PendingReview"]
    stream = io.StringIO()
    write_feedback(judged, "ncmec", "csv", stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [(row["entry"], row["verdict"]) for row in rows] == [
        ("'=d", ""),
        ("a", "right"),
        ("b", "wrong"),
        ("c", ""),
    ]


def test_feedback_by_command(tmp_path: Path, judged: Cases, capfd: pytest.CaptureFixture) -> None:
    """The command writes one list's feedback, and refuses shapes that nobody takes."""
    command = ["review", "feedback", "--list", "list-1", "--cases", judged.place]
    assert run([*command, "--format", "stopncii", "-o", str(tmp_path / "f.json")]) == 0
    (said,) = json.loads((tmp_path / "f.json").read_text())["feedback"]
    assert (said["entry"], said["confirmed"]) == ("entry-0", 1)
    assert run([*command, "--format", "xml"]) == 64
    assert "choose from ncmec, stopncii, csv" in capfd.readouterr().err
