"""Everything that can go wrong, as one tree.

IsletQCError
├── UsageError            exit 2: the command, protocol or sheet is wrong; nothing has run
│   ├── ProtocolError
│   ├── SheetError
│   ├── RunLockedError
│   ├── EditError
│   ├── MissingWeightsError
│   ├── LedgerError
│   └── SigningError
├── OutputError           exit 1: results cannot be written; finished pictures are kept
└── PictureError          exit 3: one picture cannot be analysed; the others go on
    ├── UnreadablePictureError
    ├── UnsupportedPictureError
    ├── PictureTooLargeError
    └── PixelSizeUnknownError

Each message says what was expected, what was found and what to do. ``code`` is the short
stable name that stands in ``results.json``.
"""


class IsletQCError(Exception):
    """Base of all errors that isletqc raises on purpose."""

    code = "error"


class UsageError(IsletQCError):
    """The command cannot be carried out as given; nothing has run."""

    code = "usage"


class ProtocolError(UsageError):
    """A protocol file is missing, not YAML, or breaks its schema."""

    code = "protocol"


class SheetError(UsageError):
    """A sample sheet is wrong; the message names file and line."""

    code = "sheet"


class RunLockedError(UsageError):
    """Another run is writing to the same output folder."""

    code = "locked"


class EditError(UsageError):
    """A correction by hand that cannot be made, or not now; nothing has changed."""

    code = "edit"


class MissingWeightsError(UsageError):
    """The network that the protocol names is not installed or fails its hash."""

    code = "weights"


class LedgerError(UsageError):
    """The ledger is not there, of another version, locked, or does not answer."""

    code = "ledger"


class SigningError(UsageError):
    """A key, passphrase or signature cannot be accepted."""

    code = "signing"


class OutputError(IsletQCError):
    """The run had started, but its results cannot be written (disk full, folder gone)."""

    code = "output"


class PictureError(IsletQCError):
    """One picture cannot be analysed."""

    code = "picture"


class UnreadablePictureError(PictureError):
    """The file is missing, empty, truncated, encrypted or not what its name says."""

    code = "unreadable"


class UnsupportedPictureError(PictureError):
    """The file can be read, but has a form that would be misread (stack, CMYK, channels)."""

    code = "unsupported"


class PictureTooLargeError(PictureError):
    """The picture claims more pixels than the protocol allows."""

    code = "too-large"


class PixelSizeUnknownError(PictureError):
    """No trustworthy pixel size: none given, screen resolution, or x and y differ."""

    code = "pixel-size-unknown"
