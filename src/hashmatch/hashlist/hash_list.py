"""``HashList``: an operator's list, checked and read-only. It never shows a hash."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from hashmatch.errors import HashListError, SettingsError
from hashmatch.files import write_atomically
from hashmatch.hashlist.contents import Contents, IndexTables
from hashmatch.hashlist.formats import TEXT, read_list, write_list
from hashmatch.hashlist.from_entries import contents_of_entries
from hashmatch.hashlist.from_pictures import Pictures, entries_of_pictures
from hashmatch.hashlist.kinds import unknown_algorithm, widths
from hashmatch.hashlist.list_stream import Options
from hashmatch.hashlist.policy import DEFAULT_POLICY, REASONS, Policy, refuse_text, select
from hashmatch.hashlist.revisions import Revisions
from hashmatch.hashlist.section import ListSection, refuse_pickling
from hashmatch.hashlist.updates import SectionUpdate, ruled_out, updated, withdrawing
from hashmatch.model import Entry, HashKind
from hashmatch.text import count

EMPTY = "the list has no entry that can match"


class HashList:
    """A hash list in memory. It never changes, so threads may share it.

    Entries of one algorithm and width form a section of flat arrays. There is no object per entry.

    Attributes:
        contents: everything but the source. ``Contents`` explains the attributes copied from it:
            version, created, digest, flat, skipped, unsupported, left_out, suppressed,
            index_tables.
        source: the file as messages name it.
        name: what records call the list: the name in its header, else its file's.
        notices: what to tell the operator, one sentence each, warnings first.
        warnings: the notices that say why the list may fail to match; never silenced.
        sections: the entries by kind.
        updates: by kind, sections with changes laid over them by ``apply``. Such a kind is in
            ``sections`` too, where the changes are merged on first access.
    """

    def __init__(self, contents: Contents, *, source: str) -> None:
        self.contents = contents
        self.source = source
        self.name = contents.name
        self.version = contents.version
        self.created = contents.created
        self.digest = contents.digest
        self.flat = contents.flat
        self.skipped = contents.skipped
        self.unsupported = contents.unsupported
        self.left_out = contents.left_out
        self.suppressed = contents.suppressed
        self.sections: Mapping[HashKind, ListSection] = contents.sections
        self.index_tables: Mapping[HashKind, IndexTables] = contents.index_tables
        self.updates: Mapping[HashKind, SectionUpdate] = contents.updates
        self.warnings = (*contents.warnings, *(() if len(self) else (EMPTY,)))
        self.notices = (*self.warnings, *contents.notices, *_notices(contents))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        algorithm: str | None = None,
        skip_bad_entries: bool = False,
        list_format: str | None = None,
        policy: Policy | None = DEFAULT_POLICY,
        revisions: Revisions | None = None,
    ) -> HashList:
        """Read a list from a file.

        Args:
            path: the file.
            algorithm: of hashes that name none, in a list that names none; None to refuse them,
                except for 16 hex digits, which are taken for ``phash`` with a warning.
            skip_bad_entries: load what is sound and count the rest.
            list_format: the name of a format; None to recognise it by the content.
            policy: which entries may match. None keeps all; use it for a list that you write again.
            revisions: what earlier files said about the ids of a feed. Older records do not
                count; those that count are added.

        Raises:
            HashListError: the file cannot be read, or something in it is wrong; ``problems`` has
                everything by line.
            SettingsError: the algorithm or the format is unknown.
        """
        options = replace(_options(Path(path), algorithm, skip_bad_entries), revisions=revisions)
        try:
            with open(path, "rb") as stream:
                contents = read_list(stream, options, list_format)
        except OSError as error:
            message = f"cannot read the hash list: {error.strerror or 'reading failed'}"
            raise HashListError(message, path=options.source) from error
        return cls(contents if policy is None else select(contents, policy), source=options.source)

    @classmethod
    def loads(
        cls,
        data: bytes | str,
        *,
        name: str = "<memory>",
        algorithm: str | None = None,
        skip_bad_entries: bool = False,
        list_format: str | None = None,
        policy: Policy | None = DEFAULT_POLICY,
    ) -> HashList:
        """Read a list from memory, as ``load`` does from a file.

        ``name`` is used in place of the file's name; all other arguments are as in ``load``.

        Raises:
            HashListError: something is wrong; ``problems`` has everything by line.
            SettingsError: the algorithm or the format is unknown.
        """
        options = _options(Path(name), algorithm, skip_bad_entries)
        encoded = data.encode(errors="surrogatepass") if isinstance(data, str) else data
        contents = read_list(io.BytesIO(encoded), options, list_format)
        return cls(contents if policy is None else select(contents, policy), source=options.source)

    @classmethod
    def from_entries(
        cls,
        entries: Iterable[Entry],
        *,
        name: str = "<memory>",
        version: str | None = None,
        created: str | None = None,
        policy: Policy | None = DEFAULT_POLICY,
    ) -> HashList:
        """Make a list from entries.

        In a problem, the line is the entry's number, from 1. ``policy`` is as in ``load``.

        Raises:
            HashListError: something is wrong with some of them; ``problems`` has everything.
        """
        contents = contents_of_entries(entries, name=name, version=version, created=created)
        return cls(contents if policy is None else select(contents, policy), source=name)

    @classmethod
    def from_pictures(
        cls, pictures: Pictures, *, algorithm: str = "phash", name: str = "pictures"
    ) -> HashList:
        """Make a list from your own pictures.

        Args:
            pictures: a folder, with all its files and subfolders except hidden ones; or pictures
                one by one: bytes, paths, binary files or ``PIL.Image``. An entry's id is the path
                inside the folder, the path as given, or ``picture-1``. Characters that an id cannot
                hold are URL-encoded (``a%20b.jpg``).
            algorithm: as in ``hashmatch.hash``.
            name: of the list.

        Raises:
            HashListError: some pictures cannot be decoded completely; ``problems`` names each.
            InputError: the folder does not exist.
            SettingsError: the algorithm is unknown.
        """
        return cls.from_entries(entries_of_pictures(pictures, algorithm, name), name=name)

    def select(self, policy: Policy) -> HashList:
        """Return the list without the entries that must not match.

        Raises:
            HashListError: the policy suppresses an entry by its line.
        """
        return HashList(select(self.contents, policy), source=self.source)

    def apply(
        self,
        additions: HashList | Iterable[Entry] = (),
        withdrawals: Iterable[str] = (),
        *,
        version: str | None = None,
        created: str | None = None,
    ) -> HashList:
        """Return a new list with changes. This one stays as it is; both share what did not change.

        An addition replaces every entry with its id, under any algorithm, even if that id is also
        withdrawn. An addition without an id replaces nothing. From then on its id is
        ``file:line@digest``, because the line alone means a different entry in every list.

        A few changes to millions of entries are laid over them (see ``updates``); many are merged.

        Args:
            additions: another list, or entries.
            withdrawals: ids of entries that must no longer match. Ids that are not on the list
                change nothing; a notice counts them.
            version: of the new list; None to keep this one's.
            created: when the new list was made; None to keep this one's.

        Raises:
            HashListError: something is wrong with the additions.
            SettingsError: the withdrawals are one string instead of several.
        """
        refuse_text("withdrawals", withdrawals)
        if not isinstance(additions, HashList):
            additions = HashList.from_entries(additions, name=self.name)
        contents = updated(self.contents, additions.contents, set(withdrawals))
        version, created = version or self.version, created or self.created
        return HashList(replace(contents, version=version, created=created), source=self.source)

    def find(self, entry_id: str) -> tuple[Entry, ...]:
        """Find the entries with this id: at most one for each algorithm and width."""
        found = []
        for kind in self.sections:
            update = self.updates.get(kind)
            section = self.sections[kind] if update is None else update
            found += [section.entry(row) for row in section.find([entry_id]).tolist() if row >= 0]
        return tuple(found)

    def dumps(self, list_format: str = "text") -> str:
        """Return the list in a format. Reading it back gives equal entries.

        The result also has what the list rules out, so that applying it has the same effect:
        withdrawn ids, and ids of entries that were left out, flat ones included. The text format
        writes flat hashes for the latter, and has no place for the former.

        Args:
            list_format: ``text`` or ``csv``.

        Raises:
            HashListError: the format cannot hold the list.
            SettingsError: the format is unknown, or can only be read.
        """
        return b"".join(self._blocks(list_format)).decode()

    def save(self, path: str | os.PathLike[str], list_format: str = "text") -> None:
        """Write the list to a file as ``dumps`` does, atomically, readable only by its owner.

        ``list_format`` is ``text`` or ``csv``; for a compiled list see ``save_compiled``.

        Raises:
            HashListError: the format cannot hold the list.
            OutputError: the file cannot be written.
            SettingsError: the format is unknown, or can only be read.
        """
        blocks = self._blocks(list_format)
        with write_atomically(path) as stream:
            stream.writelines(blocks)

    def _blocks(self, list_format: str) -> Iterator[bytes]:
        contents = self.contents
        if list_format != TEXT:
            contents = withdrawing(contents, ruled_out(contents))
        return write_list(contents, list_format)

    def __len__(self) -> int:
        """How many entries can match."""
        # Asking sections for a kind with an update would merge it
        return sum(
            len(self.updates[kind] if kind in self.updates else self.sections[kind])
            for kind in self.sections
        )

    def __iter__(self) -> Iterator[Entry]:
        for section in self.sections.values():
            yield from section

    def __repr__(self) -> str:
        return f"<HashList {self.name!r}, {len(self):,} entries>"

    def __reduce__(self) -> NoReturn:
        refuse_pickling("a hash list")


def _notices(contents: Contents) -> Iterator[str]:
    if contents.skipped:
        yield f"skipped {count(contents.skipped, 'faulty entry', 'faulty entries')}"
    for name, hashes in sorted(contents.unsupported.items()):
        yield f"skipped {count(hashes, 'hash', 'hashes')} of {name}, which hashmatch cannot compute"
    for reason, entries in sorted(contents.left_out.items()):
        phrase = REASONS.get(reason, "{} " + reason)
        yield f"skipped {count(entries, phrase.format('entry'), phrase.format('entries'))}"


def _options(path: Path, algorithm: str | None, skip_bad_entries: bool) -> Options:
    if algorithm is not None and not widths(algorithm):
        raise SettingsError(unknown_algorithm())
    return Options(str(path), path.name, algorithm, skip_bad_entries)
