"""From file to calibrated picture: read it, judge its fitness, read the sample sheet."""
