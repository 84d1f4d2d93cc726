"""The command line: parse, resolve, call the library, render."""
