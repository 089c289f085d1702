"""Regions -> islets: size, shape, stain, and what an islet equivalent is."""
