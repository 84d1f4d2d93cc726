"""Untrusted bytes to hashes. Nothing in here knows a list, an index or a matcher.

``examination`` turns the bytes of a file, or of each member of an archive, into an
``Examination``; ``decode`` makes pictures and their views of bytes, ``archive`` opens archives,
``reading`` reads files that may change meanwhile, and ``sandbox`` runs all of that in worker
processes.
"""
