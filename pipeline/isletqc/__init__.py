"""isletqc: from stained islet pictures to a release decision with its uncertainty."""

__version__ = "0.1.0"
