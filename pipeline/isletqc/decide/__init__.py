"""Islets -> lot estimates with their uncertainty -> verdict."""
