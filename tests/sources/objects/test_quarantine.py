"""Matched objects are copied to another bucket, checked there, and removed only on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import hashmatch_command, records
from hashmatch.custody.quarantine import BucketQuarantine
from hashmatch.errors import DecodeError, QuarantineError
from hashmatch.sources import OpenStores
from scan.trees import list_of, picture

from . import servers


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server for all tests here."""
    with servers.moto() as found:
        yield found


class Site:
    """Two buckets, a list with one picture, and scans of the one into the other."""

    def __init__(self, url: str, folder: Path, number: int) -> None:
        self.stores = OpenStores()
        self.client = servers.client(url)
        self.files, self.held = f"files-{number}", f"held-{number}"
        self.client.create_bucket(Bucket=self.files)
        self.client.create_bucket(Bucket=self.held, ObjectLockEnabledForBucket=True)
        self.said = ""
        self.list = folder / "list.txt"
        (section,) = list_of(picture(1)).sections.values()
        self.list.write_text(f"# algorithm: phash\n{int(section.codes[0, 0]):016x} entry-0\n")
        self.client.put_object(Bucket=self.files, Key="a//bad.jpg", Body=picture(1))
        self.client.put_object(Bucket=self.files, Key="good.jpg", Body=picture(2))

    def scan(self, *options: str, code: int = 1) -> list[dict[str, Any]]:
        """Scan into the quarantine."""
        done = hashmatch_command(
            *("scan", f"s3://{self.files}", "--list", self.list, "--format", "jsonl"),
            *("--quarantine", f"s3://{self.held}/q/", *options),
        )
        assert done.returncode == code, done.stderr.decode()
        self.said = done.stderr.decode()
        return records(done.stdout)

    def keys(self, bucket: str) -> list[str]:
        """What a bucket holds."""
        found = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [each["Key"] for each in found]

    def body(self, key: str) -> bytes:
        """An object of the quarantine."""
        return bytes(self.client.get_object(Bucket=self.held, Key=key)["Body"].read())


@pytest.fixture
def site(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Site:
    """Buckets of its own for each test."""
    for name, value in servers.environment(url).items():
        monkeypatch.setenv(name, value)
    return Site(url, tmp_path, abs(hash(request.node.name)))


def test_match_is_copied_and_then_removed(site: Site) -> None:
    """The copy has the bytes that were examined, and the manifest comes before it."""
    first, _, summary = site.scan()
    place = f"q/{first['quarantine']:012x}/"
    assert summary["quarantine"] == {"moved": 0, "not_moved": 0, "left": 0, "copied": 1}
    assert site.keys(site.held) == [
        f"{place}{name}" for name in ("held.json", "moving.json", "object")
    ]
    assert site.body(f"{place}object") == picture(1)
    event = json.loads(site.body(f"{place}moving.json"))
    assert event["path"] == f"s3://{site.files}/a//bad.jpg"
    assert event["matches"][0]["entry"] == "entry-0"
    assert site.keys(site.files) == ["a//bad.jpg", "good.jpg"]
    again, _, summary = site.scan("--remove-source")
    assert again["quarantine"] == first["quarantine"]
    assert summary["quarantine"]["moved"] == 1
    assert f"{place}removed.json" in site.keys(site.held)
    assert site.keys(site.files) == ["good.jpg"]


def test_held_objects_are_listed_checked_and_restored(site: Site, tmp_path: Path) -> None:
    """What a scan moved is no missing match; it is whole in quarantine, and comes back whole."""
    place = f"s3://{site.held}/q/"
    state = ("--state", str(tmp_path / "scan.db"))
    assert hashmatch_command("quarantine", "list", place).stdout == b""
    first, *_ = site.scan("--remove-source", *state)
    number = str(first["quarantine"])
    *_, summary = site.scan("--remove-source", *state, code=0)
    assert "gone; it matched" not in site.said
    assert (summary["run"]["state"]["gone"], summary["run"]["state"]["gone_matched"]) == (1, 0)
    (item,) = records(hashmatch_command("quarantine", "list", place, "--format", "jsonl").stdout)
    assert item["path"] == f"s3://{site.files}/a//bad.jpg"
    assert (item["id"], item["state"], item["matches"]) == (int(number), "held", first["matches"])
    done = hashmatch_command("quarantine", "verify", place)
    assert (done.returncode, done.stdout) == (0, b"whole in quarantine: 1\n")
    audit = ("--audit", str(tmp_path / "trail"))
    done = hashmatch_command("quarantine", "restore", place, number, *audit)
    assert done.returncode == 0, done.stderr
    assert site.keys(site.files) == ["a//bad.jpg", "good.jpg"]
    body = site.client.get_object(Bucket=site.files, Key="a//bad.jpg")["Body"].read()
    assert body == picture(1)
    assert '"restored":true' in (tmp_path / "trail").read_text()
    assert hashmatch_command("quarantine", "list", place).stdout == b""
    done = hashmatch_command("quarantine", "restore", place, number)
    assert done.returncode == 70
    assert b"it is not in the quarantine" in done.stderr


def test_commands_take_a_profile_as_scans_do(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --profile, a quarantine is listed, checked and restored under another identity."""
    first, *_ = site.scan("--remove-source")
    place, profile = f"s3://{site.held}/q/", ("--profile", "custodian")
    config = tmp_path / "config"
    keys = "aws_access_key_id = custodian\naws_secret_access_key = x\n"
    config.write_text(f"[profile custodian]\nregion = us-east-1\n{keys}")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    done = hashmatch_command("quarantine", "list", place)
    assert done.returncode == 66
    assert b"there are no AWS credentials" in done.stderr
    (item,) = records(
        hashmatch_command("quarantine", "list", place, "--format", "jsonl", *profile).stdout
    )
    assert item["id"] == first["quarantine"]
    done = hashmatch_command("quarantine", "verify", place, *profile)
    assert (done.returncode, done.stdout) == (0, b"whole in quarantine: 1\n")
    done = hashmatch_command("quarantine", "restore", place, str(item["id"]), *profile)
    assert done.returncode == 0, done.stderr
    assert site.keys(site.files) == ["a//bad.jpg", "good.jpg"]


def test_a_copy_that_was_changed_is_found_and_not_restored_over_another(
    site: Site, tmp_path: Path
) -> None:
    """Nothing is overwritten at the origin; verify names what is not what was examined."""
    first, *_ = site.scan("--remove-source")
    place, number = f"s3://{site.held}/q/", f"{first['quarantine']:012x}"
    site.client.put_object(Bucket=site.files, Key="a//bad.jpg", Body=b"new")
    done = hashmatch_command("quarantine", "restore", place, str(first["quarantine"]))
    assert done.returncode == 70
    assert b"something else is there already" in done.stderr
    body = site.client.get_object(Bucket=site.files, Key="a//bad.jpg")["Body"].read()
    assert body == b"new"
    site.client.put_object(
        Bucket=site.held, Key=f"q/{number}/object", Body=b"other", ChecksumAlgorithm="SHA256"
    )
    done = hashmatch_command("quarantine", "verify", place)
    assert done.returncode == 1
    assert b"its copy was changed; not whole anywhere" in done.stdout
    site.client.delete_object(Bucket=site.files, Key="a//bad.jpg")
    for why in (b"its copy was changed", b"its copy is gone"):
        done = hashmatch_command("quarantine", "restore", place, str(first["quarantine"]))
        assert done.returncode == 70
        assert b"was not restored" in done.stderr
        assert why in done.stderr
        assert site.keys(site.files) == ["good.jpg"]
        site.client.delete_object(Bucket=site.held, Key=f"q/{number}/object")
    done = hashmatch_command("quarantine", "restore", place, "1", "--to", str(tmp_path / "x"))
    assert done.returncode == 64
    for wrong in (f"s3://{site.files}/", "s3://no-such-bucket/q/"):
        assert hashmatch_command("quarantine", "list", wrong).returncode == 66


def test_only_the_version_that_matched_is_deleted(site: Site) -> None:
    """Versions before it stay, and none is hidden."""
    site.client.put_bucket_versioning(
        Bucket=site.files, VersioningConfiguration={"Status": "Enabled"}
    )
    site.client.put_object(Bucket=site.files, Key="good.jpg", Body=picture(1))
    *_, summary = site.scan("--remove-source")
    assert summary["quarantine"]["moved"] == 2
    body = site.client.get_object(Bucket=site.files, Key="good.jpg")["Body"].read()
    assert body == picture(2)


def test_object_replaced_since_an_inventory_has_changed(site: Site) -> None:
    """The version that an inventory names is not taken for the one that is there now."""
    site.client.put_bucket_versioning(
        Bucket=site.files, VersioningConfiguration={"Status": "Enabled"}
    )
    old = site.client.put_object(Bucket=site.files, Key="good.jpg", Body=picture(2))
    size, etag = str(len(picture(2))), old["ETag"].strip('"')
    row = [site.files, "good.jpg", old["VersionId"], "true", size, "2026-01-31T12:00:00Z", etag]
    site.client.put_object(Bucket=site.files, Key="good.jpg", Body=picture(1))
    inventory = site.list.parent / "inventory.csv"
    inventory.write_text(",".join(row) + "\n")
    done = hashmatch_command(
        *("scan", "--files-from", inventory, "--list", site.list, "--format", "jsonl"),
        *("--inventory", "Bucket, Key, VersionId, IsLatest, Size, LastModifiedDate, ETag"),
    )
    first, _ = records(done.stdout)
    assert (first["verdict"], first["reason"]) == ("unscanned", "changed")


def test_bucket_whose_name_begins_alike_is_another_one(site: Site) -> None:
    """A quarantine beside the bucket that is scanned is not inside it."""
    site.client.create_bucket(Bucket=f"{site.files}-held")
    site.held = f"{site.files}-held"
    *_, summary = site.scan()
    assert summary["quarantine"]["copied"] == 1


def test_locked_version_stays_and_is_reported(site: Site) -> None:
    """The copy is kept, the exit code says that a match was not moved, and why is on stderr."""
    locked = f"{site.files}-locked"
    site.client.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    site.client.put_object_lock_configuration(
        Bucket=locked,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    site.client.put_object(
        Bucket=locked, Key="bad.jpg", Body=picture(1), ChecksumAlgorithm="SHA256"
    )
    site.files = locked
    first, summary = site.scan("--remove-source", code=9)
    assert summary["quarantine"] == {"moved": 0, "not_moved": 1, "left": 0}
    assert first["quarantine"] is None
    assert "copied and not removed: not permitted" in site.said
    assert len(site.keys(site.held)) == 3
    assert site.keys(locked) == ["bad.jpg"]


def test_object_replaced_since_it_was_examined_is_not_moved(site: Site) -> None:
    """The copy's bytes are compared with those examined, and a wrong copy does not stay."""
    source, key = site.stores.s3(f"s3://{site.files}/good.jpg".encode())
    target, prefix = site.stores.s3(f"s3://{site.held}/q/".encode())
    quarantine = BucketQuarantine(target, prefix, remove_source=True)
    with pytest.raises(QuarantineError, match="not moved: it was changed or replaced"):
        quarantine.hold(source, key, sha256="0" * 64, matches=())
    assert [key.rpartition("/")[2] for key in site.keys(site.held)] == ["moving.json"]
    assert "good.jpg" in site.keys(site.files)


@pytest.mark.parametrize("steps", range(7))
def test_move_that_was_interrupted_is_finished_by_the_next(site: Site, steps: int) -> None:
    """After any number of steps, the object is whole in one place at least; then it is moved."""
    left = [steps]

    class Dying:
        """A bucket that ends after some requests."""

        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._store, name)
            if name in {"write", "copy", "remove", "sha256"}:
                if not left[0]:
                    raise KeyboardInterrupt
                left[0] -= 1
            return found

    source, key = site.stores.s3(f"s3://{site.files}/a//bad.jpg".encode())
    target, prefix = site.stores.s3(f"s3://{site.held}/q/".encode())
    sha256 = source.sha256(source.look(key))
    dying = BucketQuarantine(Dying(target), prefix, remove_source=True)
    try:
        dying.hold(Dying(source), key, sha256=sha256, matches=())  # type: ignore[arg-type]
    except KeyboardInterrupt:
        pass
    else:
        assert steps == 6
    copies = [name for name in site.keys(site.held) if name.endswith("object")]
    assert "a//bad.jpg" in site.keys(site.files) or site.body(copies[0]) == picture(1)
    if "a//bad.jpg" in site.keys(site.files):
        whole = BucketQuarantine(target, prefix, remove_source=True)
        assert whole.hold(source, key, sha256=sha256, matches=()).removed
    with pytest.raises(DecodeError, match="gone"):
        source.look(key)
    assert len([name for name in site.keys(site.held) if name.endswith("object")]) == 1


@pytest.mark.parametrize("wrong", [{"time": "soon"}, {"time": 7}, {"matches": ["x"]}])
def test_what_no_scan_writes_is_no_quarantine(site: Site, wrong: dict[str, Any]) -> None:
    """A bucket with an event that could not be shown to anybody is refused by name."""
    said = {"id": 1, "path": "s3://a/b", "sha256": "0", "size": 1, "matches": []}
    said |= {"time": "2026-01-31T12:00:00+00:00"} | wrong
    key = "q/000000000001/moving.json"
    site.client.put_object(Bucket=site.held, Key=key, Body=json.dumps(said).encode())
    done = hashmatch_command("quarantine", "list", f"s3://{site.held}/q/")
    assert (done.returncode, b"not a quarantine of objects" in done.stderr) == (66, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("s3://{files}", "--quarantine", "held"), "takes a folder for files"),
        ((".", "--quarantine", "s3://{held}/q/"), "takes a folder for files"),
        (("s3://{files}", "--quarantine", "s3://{files}/q/"), "inside what is scanned"),
        (("s3://{files}", "--quarantine", "s3://{held}/q"), "ends with /"),
        ((".", "--quarantine", "held", "--remove-source"), "--remove-source needs"),
        (("s3://{files}", "--max-depth", "2"), "--max-depth is for folders"),
        (("s3://{files}", "--keys-of", "s3://{files}/"), "--keys-of needs --files-from"),
        (
            ("--files-from", "list.txt", "--keys-of", "s3://{files}/", "--inventory", "Key"),
            "--inventory takes neither",
        ),
        (("--files-from", "list.txt", "--keys-of", "s3://{files}/x"), "without a prefix"),
    ],
)
def test_what_makes_no_sense_is_refused(site: Site, arguments: tuple[str, ...], why: str) -> None:
    """Nothing is scanned, and nothing is written."""
    given = [each.format(files=site.files, held=site.held) for each in arguments]
    done = hashmatch_command("scan", *given, "--list", site.list, cwd=site.list.parent)
    assert done.returncode == 64
    assert why in done.stderr.decode()
    assert site.keys(site.held) == []
