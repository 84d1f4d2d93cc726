"""Untrusted bytes to hashes. Nothing in here knows a list, an index or a matcher.

``examination`` turns the bytes of a file, or of each member of a container, into an
``Examination``; ``decode`` makes pictures and their views of bytes; ``container`` opens whatever
holds other files, with the readers in ``archive`` and ``document``; ``reading`` reads files that
may change meanwhile; and ``sandbox`` runs all of that in worker processes.
"""
