"""The verdict in large type: colour, sign and word, to be read from two metres."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from isletqc.plugin import looks
from isletqc.report import texts

_HEIGHT, _MARGIN = 92, 14
# Corners of the signs in a square of 24, as in the report.
_OCTAGON = ((7.4, 1), (16.6, 1), (23, 7.4), (23, 16.6), (16.6, 23), (7.4, 23), (1, 16.6), (1, 7.4))
_TRIANGLE = ((12, 1.5), (23.5, 22), (0.5, 22))
_TICK = ((6.5, 12.5), (10.3, 16.3), (17.5, 8.1))
_STROKES = {
    "pass": (_TICK,),
    "fail": (((7.5, 7.5), (16.5, 16.5)), ((16.5, 7.5), (7.5, 16.5))),
    "review": (((12, 9), (12, 14.5)), ((12, 18.2), (12, 18.3))),
}
_DASH = (((7, 12), (17, 12)),)


class VerdictBanner(QWidget):
    """Draws one verdict as wide as there is room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._verdict = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_HEIGHT)

    @property
    def verdict(self) -> str:
        """What it shows; empty for nothing."""
        return self._verdict

    def show_verdict(self, verdict: str) -> None:
        """Show a verdict; empty shows a dash."""
        self._verdict = verdict
        words = texts.VERDICT_WORDS.get(verdict, "No result")
        self.setAccessibleName(words)
        self.setToolTip(texts.OVERALL.get(verdict, ""))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Give the size it would like."""
        return QSize(320, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw ground, sign and word."""
        ground, ink = looks.VERDICT_COLOURS.get(self._verdict, ("#4d5660", "#ffffff"))
        word = texts.VERDICT_WORDS.get(self._verdict, "No result")
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        side = 56.0
        font = _fitting(word, self.width() - side - 3 * _MARGIN)
        draw_sign(painter, self._verdict, QRectF(_MARGIN, (_HEIGHT - side) / 2, side, side), ink)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        place = QRectF(side + 2 * _MARGIN, 0, self.width() - side - 2 * _MARGIN, _HEIGHT)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), word)
        painter.end()


def draw_sign(painter: QPainter, verdict: str, place: QRectF, ink: str) -> None:
    """Draw a verdict's sign into a square."""
    unit = place.width() / 24

    def points(corners: tuple[tuple[float, float], ...]) -> QPolygonF:
        return QPolygonF([QPointF(place.x() + unit * x, place.y() + unit * y) for x, y in corners])

    pen = QPen(QColor(ink), 2 * unit)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.setBrush(QBrush(Qt.BrushStyle.NoBrush))
    if verdict == "fail":
        painter.drawPolygon(points(_OCTAGON))
    elif verdict == "review":
        painter.drawPolygon(points(_TRIANGLE))
    else:
        painter.drawEllipse(place.adjusted(unit, unit, -unit, -unit))
    pen.setWidthF(2.6 * unit)
    pen.setCapStyle(Qt.PenCapStyle.SquareCap)
    painter.setPen(pen)
    for stroke in _STROKES.get(verdict, _DASH):
        painter.drawPolyline(points(stroke))


def _fitting(word: str, width: float) -> QFont:
    font = QFont()
    font.setBold(True)
    for size in range(58, 20, -2):
        font.setPixelSize(size)
        if QFontMetricsF(font).horizontalAdvance(word) <= width:
            break
    return font
