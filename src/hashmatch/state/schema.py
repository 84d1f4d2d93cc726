"""The tables of a state, and how those of earlier versions become them."""

from __future__ import annotations

SCHEMA_VERSION = 2

APPLICATION = 0x484D7374  # "HMst": SQLite keeps it in the header, for file(1) and for us

_MATCHES = """
CREATE TABLE matches (       -- of a content and an entry, wherever the content lies
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL, list TEXT NOT NULL, entry TEXT NOT NULL,
    algorithm TEXT NOT NULL, bits INTEGER NOT NULL,
    label TEXT, category TEXT, distance INTEGER NOT NULL, threshold INTEGER NOT NULL,
    view TEXT NOT NULL, quality INTEGER NOT NULL,
    low_information INTEGER NOT NULL, confirmed INTEGER NOT NULL,
    path BLOB NOT NULL,      -- where it was found last
    fingerprint BLOB NOT NULL, -- of the entry's hash, since a list may give its id to another
    first_run INTEGER NOT NULL REFERENCES runs, last_run INTEGER NOT NULL REFERENCES runs,
    UNIQUE (sha256, list, entry, algorithm, bits, fingerprint)
)
"""

_FINGERPRINTS = """
CREATE TABLE secret (        -- one row: what fingerprints are made with
    key BLOB NOT NULL
);
INSERT INTO secret VALUES (randomblob(16))
"""

SCHEMA = f"""
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    base TEXT NOT NULL,      -- whatever else could change a hash, as JSON
    kinds TEXT NOT NULL,     -- of the hashes of each view, as JSON
    digests TEXT NOT NULL,   -- names, as JSON
    UNIQUE (base, kinds, digests)
);
CREATE TABLE files (
    key BLOB NOT NULL,       -- absolute path, NUL in place of each separator: sorts like a walk
    member INTEGER NOT NULL, -- 0 the file itself, 1... the members of an archive
    name BLOB,               -- of a member, within the archive
    device INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,
    members INTEGER,         -- of an archive, how many rows follow; all were written at once
    sha256 BLOB,             -- NULL where the bytes were not all read
    settings INTEGER NOT NULL REFERENCES settings,
    exact INTEGER NOT NULL,
    format TEXT, width INTEGER NOT NULL, height INTEGER NOT NULL,
    quality INTEGER, reason TEXT, detail TEXT,
    hashes BLOB NOT NULL,    -- see blob.py
    examined INTEGER NOT NULL, -- nanoseconds since 1970
    gone INTEGER,            -- when the file was first missed; NULL while it is there
    verdict TEXT,            -- of the last scan that came to it; no scan relies on it
    since INTEGER REFERENCES runs, -- the run that was the first to say so
    PRIMARY KEY (key, member)
) WITHOUT ROWID;
CREATE INDEX contents ON files (size, sha256) WHERE member = 0;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    settings INTEGER NOT NULL REFERENCES settings,
    summary TEXT             -- the summary record, as JSON; NULL where the run did not end
);
{_MATCHES};
{_FINGERPRINTS};
CREATE TABLE reviews (       -- what humans said, never changed; the latest counts
    id INTEGER PRIMARY KEY,
    match INTEGER NOT NULL REFERENCES matches,
    verdict TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, note TEXT,
    UNIQUE (match, verdict, by, at)
);
"""

UPGRADES = {
    1: (
        "ALTER TABLE files ADD COLUMN ctime_ns INTEGER",
        "ALTER TABLE files ADD COLUMN verdict TEXT",
        "ALTER TABLE files ADD COLUMN since INTEGER REFERENCES runs",
        *_FINGERPRINTS.split(";"),
        "CREATE TABLE old AS SELECT * FROM matches",
        "DROP TABLE matches",
        _MATCHES,
        """
        INSERT INTO matches
        SELECT id, sha256, list, entry, algorithm, bits, label, NULL, distance, threshold, view,
            quality, low_information, confirmed, path, x'', first_run, last_run FROM old
        """,
        "DROP TABLE old",
    ),
}
"""The statements that make a state of each earlier version one of the next."""
