"""Decoy programs of a jail that may run programs: each answers as the real one would, and tells what it was asked.

Each start is watched file by file. So nothing here imports json, re, typing, dataclasses, pathlib or socket, which
are dozens of files each; _socket and _json are what the last two letters of that list are made of. What a single tool
needs is imported when it is that tool.
"""
