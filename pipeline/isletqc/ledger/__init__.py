"""The record: who did what, when and why; nothing changes unseen."""
