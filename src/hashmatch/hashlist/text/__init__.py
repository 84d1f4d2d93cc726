"""The text list format, version 1: one entry per line.

``formats.read_list`` calls ``read_text``, and ``text_writer`` writes lists. ``grammar`` defines the
format line by line, and ``blocks`` parses the same with NumPy; both give the same result. Wrong
lines are collected as problems, which quote nothing.
"""
