"""Drawn pictures of islets whose truth is known exactly: for the demo, the tests and training."""
