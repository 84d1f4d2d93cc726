"""Decisions and the audit trail: what ``audit verify`` finds."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cases import databases
from cases.findings import finding
from commands import COMMAND, environment
from hashmatch.cases import Cases
from hashmatch.cli.main import run
from hashmatch.custody.audit import AuditLog


class Desk:
    """A store in SQLite with three cases, and the trail of its decisions."""

    def __init__(self, folder: Path) -> None:
        self.place, self.trail = str(folder / "cases.db"), str(folder / "audit.log")
        with Cases(self.place) as cases:
            cases.record(finding(number) for number in range(3))

    def decide(self, case: int, decision: str, *options: str) -> int:
        """Decide by command."""
        chained = () if options else ("--audit", self.trail)
        command = ["review", "decide", str(case), decision, "--by", "ann", "--cases", self.place]
        return run([*command, *chained])

    def verify(self) -> int:
        """Verify by command."""
        return run(["audit", "verify", self.trail, "--cases", self.place])

    def change(self, statement: str) -> None:
        """Change the database behind everyone's back."""
        with sqlite3.connect(self.place) as connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Two decisions on record."""
    made = Desk(tmp_path)
    assert made.decide(1, "confirmed") == 0
    assert made.decide(2, "false_positive") == 0
    return made


def test_what_was_decided_is_in_the_trail(desk: Desk, capfd: pytest.CaptureFixture) -> None:
    """Every decision is chained, and a trail that has all of them verifies."""
    assert desk.verify() == 0
    assert "2 decisions; they are as the trail has them" in capfd.readouterr().out
    with Cases(desk.place) as cases:
        assert cases.misjudged() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE decisions SET decision = 'confirmed' WHERE id = 2", "differs from"),
        ("UPDATE decisions SET reviewer = 'eve' WHERE id = 1", "in reviewer"),
        ("UPDATE decisions SET at = at - 1000000 WHERE id = 1", "in at"),
        ("UPDATE matches SET decision = 'confirmed' WHERE id = 2", "match 2 has a decision in"),
        ("UPDATE matches SET decision = 'unsure' WHERE id = 3", "match 3 has a decision in force"),
        ("DELETE FROM decisions WHERE id = 1", "decision 1 was removed ("),
        (
            (
                'INSERT INTO decisions (id, "case", through, decision, reviewer, at, recorded,'
                " settles) VALUES (3, 3, 3, 'false_positive', 'ann', 0, 0, 1)"
            ),
            "decision 3 (false_positive on case 3, by ann) is not in the trail",
        ),
    ],
    ids=["decision", "reviewer", "time", "in force", "undecided", "removed", "added"],
)
def test_one_statement_does_not_go_unnoticed(
    desk: Desk, capfd: pytest.CaptureFixture, statement: str, said: str
) -> None:
    """Whatever is changed, removed or added in the database alone is told."""
    desk.change(statement)
    assert desk.verify() == 1
    assert said in capfd.readouterr().out


def test_a_decision_without_a_trail_is_told(desk: Desk, capfd: pytest.CaptureFixture) -> None:
    """What was decided without --audit is not in the trail; a further trail may have it."""
    assert desk.decide(3, "unsure", "no trail") == 0
    assert desk.verify() == 1
    assert "decision 3 (unsure on case 3, by ann) is not in the trail" in capfd.readouterr().out
    other = str(Path(desk.trail).with_name("other.log"))
    command = ["review", "decide", "3", "confirmed", "--by", "bob", "--cases", desk.place]
    assert run([*command, "--audit", other]) == 0
    assert run(["audit", "verify", other, "--cases", desk.place, "--trail", desk.trail]) == 1
    said = capfd.readouterr().out
    assert "decision 3 (unsure" in said
    assert "decision 4" not in said


def test_an_interrupted_decision_is_a_gap(desk: Desk, capfd: pytest.CaptureFixture) -> None:
    """The trail may have one decision more, which the next one replaces."""

    def interrupted(chain: Callable[[object], None]) -> Callable[[object], None]:
        def add(event: object) -> None:
            chain(event)
            raise KeyboardInterrupt

        return add

    with AuditLog.open(desk.trail) as log:
        chain = interrupted(lambda event: log.add(event, sync=True))
        with Cases(desk.place, chain=chain) as cases, pytest.raises(KeyboardInterrupt):
            cases.decide(3, "ann", "confirmed")
    assert desk.verify() == 2
    assert "was interrupted before it counted, or removed" in capfd.readouterr().out
    assert desk.decide(3, "false_positive") == 0
    assert desk.verify() == 0


def test_a_table_of_decisions_is_chained(desk: Desk, tmp_path: Path) -> None:
    """An import with --audit puts every row into the trail."""
    table = tmp_path / "decided.csv"
    table.write_text("id,verdict\n3,Confirmed\n1,False Positive\n")
    command = ["review", "import", str(table), "--by", "bob", "--cases", desk.place]
    assert run([*command, "--audit", desk.trail]) == 0
    assert desk.verify() == 0


def test_a_trail_has_no_password_of_the_store(server: str, tmp_path: Path) -> None:
    """The page records where its cases are, and not how to log in there."""
    place = databases.new_database(server, "cases_password").replace("tester@", "tester:s3cret@")
    audit = tmp_path / "audit.log"
    options = ("--cases", place, "--http", "127.0.0.1:0", "--audit", str(audit))
    with subprocess.Popen(
        [*COMMAND, "review", "serve", *options],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    trail = audit.read_text()
    assert '"review serve"' in trail
    assert "s3cret" not in trail
