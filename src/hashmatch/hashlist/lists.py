"""``HashList``: an operator's list, checked, read-only, and silent about its hashes."""

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
from hashmatch.hashlist.entries import contents_of_entries
from hashmatch.hashlist.formats import TEXT, read_list, write_list
from hashmatch.hashlist.from_pictures import Pictures, entries_of_pictures
from hashmatch.hashlist.kinds import algorithms, widths
from hashmatch.hashlist.policy import DEFAULT_POLICY, REASONS, Policy, refuse_text, select
from hashmatch.hashlist.section import Section, refuse_pickling
from hashmatch.hashlist.source import Options
from hashmatch.hashlist.updates import SectionUpdate, ruled_out, updated, withdrawing
from hashmatch.model import Entry, HashKind

EMPTY = "the list has no entry that can match"


class HashList:
    """A hash list in memory. It does not change, so threads may share it.

    Entries of one algorithm and width form a section of flat arrays; no object is kept per entry.

    Attributes:
        name: what records call the list: its header's name, else its file's.
        version: as the list gives it; None where it does not.
        created: as the list gives it; None where it does not.
        digest: SHA-256, hex, of the bytes that were read; of the text that ``dumps`` would write
            where the list was made of entries; of a compiled list, what it says of the list that it
            was compiled from.
        source: the file as messages name it.
        flat: how many flat hashes were left out, which would match every blank picture.
        skipped: how many bad entries were left out.
        unsupported: how many hashes were left out of algorithms that are not known here, by name.
        left_out: how many entries must not match, by the reason: withdrawn, expired, category, ...
        suppressed: ids of entries that the operator has taken out, see ``Policy``.
        notices: what the operator should be told, a sentence each.
        sections: the entries by kind.
        tables: by kind, the index that a compiled list brings with it.
        updates: by kind, sections with changes laid over them by ``apply``. Such a kind is in
            ``sections`` too, where the changes are merged when it is asked for.
        contents: all but the source, as one value.
    """

    def __init__(self, contents: Contents, *, source: str) -> None:
        self.contents = contents
        self.name = contents.name
        self.version = contents.version
        self.created = contents.created
        self.digest = contents.digest
        self.source = source
        self.flat = contents.flat
        self.skipped = contents.skipped
        self.unsupported = contents.unsupported
        self.left_out = contents.left_out
        self.suppressed = contents.suppressed
        self.sections: Mapping[HashKind, Section] = contents.sections
        self.tables: Mapping[HashKind, IndexTables] = contents.tables
        self.updates: Mapping[HashKind, SectionUpdate] = contents.updates
        self.notices = (*contents.notices, *_notices(contents), *(() if len(self) else (EMPTY,)))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        algorithm: str | None = None,
        skip_bad_entries: bool = False,
        list_format: str | None = None,
        policy: Policy | None = DEFAULT_POLICY,
    ) -> HashList:
        """Read a list from a file.

        Args:
            path: the file.
            algorithm: what hashes are where the list does not say; ``phash`` with a notice where
                this is None.
            skip_bad_entries: where something is wrong, load the rest and count it.
            list_format: the name of a format; None to tell it by the content.
            policy: which entries may match; None to take all of them, as is right for a list that
                is going to be written again.

        Raises:
            HashListError: the file cannot be read, or something in it is wrong: ``problems`` has
                everything that is, by line.
            SettingsError: the algorithm or the format is unknown.
        """
        options = _options(Path(path), algorithm, skip_bad_entries)
        try:
            with open(path, "rb") as stream:
                contents = read_list(stream, options, list_format)
        except OSError as error:
            message = f"cannot read the hash list: {error.strerror or 'the reading failed'}"
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
        """Read a list from memory.

        Args:
            data: what a file would have.
            name: what stands for the file's name.
            algorithm: as in ``load``.
            skip_bad_entries: as in ``load``.
            list_format: as in ``load``.
            policy: as in ``load``.

        Raises:
            HashListError: something is wrong: ``problems`` has everything that is, by line.
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
        """Make a list of entries.

        Args:
            entries: in order. They count from 1 where a problem names its line.
            name: of the list.
            version: of the list.
            created: when the list was made.
            policy: as in ``load``.

        Raises:
            HashListError: something is wrong with some of them: ``problems`` has everything.
        """
        contents = contents_of_entries(entries, name=name, version=version, created=created)
        return cls(contents if policy is None else select(contents, policy), source=name)

    @classmethod
    def from_pictures(
        cls, pictures: Pictures, *, algorithm: str = "phash", name: str = "pictures"
    ) -> HashList:
        """Make a list of your own pictures.

        Args:
            pictures: a folder, whose files are all taken, those of its folders too, except hidden
                ones; or pictures one by one: bytes, paths, binary files or ``PIL.Image``. An
                entry's id is the path inside the folder, the path as given, or ``picture-1``; what
                an id cannot hold is encoded as in a URL (``a%20b.jpg``).
            algorithm: as ``hashmatch.hash`` takes it.
            name: of the list.

        Raises:
            HashListError: some cannot be decoded completely: ``problems`` names each of them.
            InputError: there is no such folder.
            SettingsError: the algorithm is unknown.
        """
        return cls.from_entries(entries_of_pictures(pictures, algorithm, name), name=name)

    def select(self, policy: Policy) -> HashList:
        """The list without the entries that may not match.

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
        """A new list with changes. This one stays as it is, and shares what did not change.

        An addition replaces whatever has its id, under any algorithm; an id that is also withdrawn
        is replaced too. One without an id replaces nothing, and is called ``file:line@digest`` from
        then on: the line alone means another entry in every list.

        A few changes to millions of entries are laid over them, see ``updates``; many are merged.

        Args:
            additions: another list, or entries.
            withdrawals: ids of entries that must not match any more. An id that the list does not
                have changes nothing, and is counted in a notice.
            version: of the new list; that of this one where it is not given.
            created: when the new list was made; that of this one where it is not given.

        Raises:
            HashListError: something is wrong with the additions.
            SettingsError: the withdrawals are a text, rather than several.
        """
        refuse_text("withdrawals", withdrawals)
        if not isinstance(additions, HashList):
            additions = HashList.from_entries(additions, name=self.name)
        contents = updated(self.contents, additions.contents, set(withdrawals))
        version, created = version or self.version, created or self.created
        return HashList(replace(contents, version=version, created=created), source=self.source)

    def find(self, entry_id: str) -> tuple[Entry, ...]:
        """The entries that have an id: at most one for each algorithm and width."""
        found = []
        for kind in self.sections:
            update = self.updates.get(kind)
            section = self.sections[kind] if update is None else update
            found += [section.entry(row) for row in section.find([entry_id]).tolist() if row >= 0]
        return tuple(found)

    def dumps(self, list_format: str = "text") -> str:
        """The list as text in a format. Reading it gives equal entries.

        What it rules out is written too, so that it does the same to a list that it is applied to:
        ids that are withdrawn, and those of entries that were left out, be it as flat. Text has
        flat hashes for the latter, and no place for the former.

        Args:
            list_format: ``text``, ``csv`` or ``jsonl``.

        Raises:
            HashListError: the format cannot hold it.
            SettingsError: there is no such format, or it is only read.
        """
        return b"".join(self._blocks(list_format)).decode()

    def save(self, path: str | os.PathLike[str], list_format: str = "text") -> None:
        """Write the list as ``dumps`` does to a file, whole or not at all, for its owner alone.

        Args:
            path: the file.
            list_format: ``text``, ``csv`` or ``jsonl``; for a compiled one see ``save_compiled``.

        Raises:
            HashListError: the format cannot hold it.
            OutputError: the file cannot be written.
            SettingsError: there is no such format, or it is only read.
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
        sizes = {kind: len(update) for kind, update in self.updates.items()}
        return sum(
            sizes[kind] if kind in sizes else len(self.sections[kind]) for kind in self.sections
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
        yield f"{contents.skipped:,} are left out: something is wrong with them"
    for name, count in sorted(contents.unsupported.items()):
        yield f"{count:,} of {name} are left out: there is no such algorithm here"
    for reason, count in sorted(contents.left_out.items()):
        yield f"{count:,} are left out: {REASONS.get(reason, reason)}"


def _options(path: Path, algorithm: str | None, skip_bad_entries: bool) -> Options:
    if algorithm is not None and not widths(algorithm):
        raise SettingsError(f"unknown algorithm; choose from {', '.join(algorithms())}")
    return Options(str(path), path.name, algorithm, skip_bad_entries)
