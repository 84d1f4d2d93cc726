"""The tables of a state."""

from __future__ import annotations

SCHEMA_VERSION = 6
"""Raise it with every change to the tables. A state of another version is refused."""

APPLICATION = 0x484D7374  # "HMst": SQLite keeps it in the header, where file(1) can see it

SCHEMA = """
CREATE TABLE settings (
    id INTEGER PRIMARY KEY,
    base TEXT NOT NULL,      -- everything else that could change a hash, as JSON
    kinds TEXT NOT NULL,     -- of the hashes of each view, as JSON
    digests TEXT NOT NULL,   -- names, as JSON
    UNIQUE (base, kinds, digests)
);
CREATE TABLE files (
    key BLOB NOT NULL,       -- absolute path, NUL in place of each separator: sorts like a walk
    member INTEGER NOT NULL, -- 0 the file itself, 1... the members of an archive
    name BLOB,               -- of a member, within the archive
    size INTEGER,            -- with mark and changed: the identity, see sources
    mark TEXT,
    changed INTEGER,         -- nanoseconds since 1970; NULL where mark alone is proof
    members INTEGER,         -- of an archive, how many rows follow; all were written at once
    sha256 BLOB,             -- NULL unless all bytes were read
    settings INTEGER NOT NULL REFERENCES settings,
    exact INTEGER NOT NULL,
    format TEXT, width INTEGER NOT NULL, height INTEGER NOT NULL,
    quality INTEGER, reason TEXT, detail TEXT, kind TEXT,
    hashes BLOB NOT NULL,    -- see blob.py
    examined INTEGER NOT NULL, -- nanoseconds since 1970
    gone INTEGER,            -- when the file was first missed; NULL while it exists
    verdict TEXT,            -- of the last scan that met the file; no scan relies on it
    since INTEGER REFERENCES runs, -- the first run with that verdict
    PRIMARY KEY (key, member)
) WITHOUT ROWID;
CREATE INDEX contents ON files (size, sha256) WHERE member = 0;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    settings INTEGER NOT NULL REFERENCES settings,
    summary TEXT             -- the summary record, as JSON; NULL unless the run ended
);
"""
