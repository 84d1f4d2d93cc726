"""The contestants of ``bench/lookup.py``: a file each, which tells what it needs and how to ask it.

A contestant's module has

- ``NAME``: what results call it;
- ``INSTALL``: how to install what it needs; empty for hashmatch itself;
- ``variants(bits)``: the names of its configurations for hashes of this width;
- ``Contestant(codes, variant)``: builds it;
- ``Contestant.prepare(radius)``: whatever has to be set before a radius is asked for;
- ``Contestant.search(queries, radius)``: two arrays of pairs in any order, query and row;
- ``LIMIT``: the largest list for which it is fast enough to be asked.
"""
