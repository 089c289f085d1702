"""Image -> Regions: network or classical, one signature."""
