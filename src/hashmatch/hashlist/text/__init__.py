"""The text list format, version 1: one entry per line.

``formats.read_list`` calls ``read_text`` for it, and ``text_writer`` writes it. ``blocks`` parses
with NumPy what ``grammar`` explains line by line; both give the same result.
"""
