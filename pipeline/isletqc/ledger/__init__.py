"""The record: who did what, when and why; nothing changes unseen.

Takes result folders, keys and passphrases; gives a database (a SQLite file, or PostgreSQL by
address) whose rows are only ever added, a chain of hashes over them, and signatures.
"""
