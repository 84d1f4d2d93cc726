"""The contestants of ``bench/lookup.py``. Each file says what it needs and how to run it.

A contestant's module has

- ``NAME``: its name in results;
- ``INSTALL``: how to install what it needs; empty for hashmatch itself;
- ``variants(bits)``: the names of its configurations for hashes of this width;
- ``Contestant(codes, variant)``: builds it;
- ``Contestant.prepare(radius)``: sets whatever a radius needs;
- ``Contestant.search(queries, radius)``: two arrays of pairs in any order, query and row;
- ``LIMIT``: the largest list for which it is fast enough.
"""
