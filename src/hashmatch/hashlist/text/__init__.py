"""The text list format, version 1: an entry a line."""
