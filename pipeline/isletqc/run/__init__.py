"""One picture, one lot, many lots: the only place where the stages meet.

Takes paths, a sample sheet and a protocol; gives an output folder and an exit code.
"""
