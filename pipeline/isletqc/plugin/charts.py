"""Small charts drawn by hand: sizes of the islets, cumulative IEQ, interval against limit.

The same classes and colours as in the report. Colours follow napari's theme.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from isletqc.plugin import looks
from isletqc.plugin.looks import Inks
from isletqc.records import Criterion, Islet
from isletqc.report import charts, texts
from isletqc.report.charts import SizeClass

_LEFT, _RIGHT, _TOP, _BOTTOM = 36.0, 10.0, 22.0, 34.0
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)
_RIGHT_MIDDLE = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT_MIDDLE = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class Chart(QWidget):
    """Room for a drawing in the theme's colours."""

    def __init__(self, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.inks: Inks = looks.inks("dark")
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_theme(self, theme: str) -> None:
        """Take the colours of a theme."""
        self.inks = looks.inks(theme)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw on an antialiased ground."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        self.draw(painter)
        painter.end()

    def draw(self, painter: QPainter) -> None:
        """Draw what there is to show."""
        raise NotImplementedError


class SizeChart(Chart):
    """Islets and share of IEQ by diameter, in classes of 50 um."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(164, parent)
        self.classes: tuple[SizeClass, ...] = ()

    def show_islets(self, islets: Sequence[Islet], min_diameter_um: float) -> None:
        """Draw the islets that count."""
        self.classes = charts.size_classes(islets, min_diameter_um)
        self.setToolTip(f"{texts.HISTOGRAM_TITLE}: dark bars count islets, light bars are IEQ")
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw two bars a class, ticks and a key."""
        if not any(c.count for c in self.classes):
            painter.setPen(QColor(self.inks.muted))
            painter.drawText(self.rect(), _CENTRE, texts.NO_ISLETS)
            return
        total = sum(c.count for c in self.classes)
        top = max(max(c.count / total, c.ieq_share) for c in self.classes)
        step = (self.width() - _LEFT - _RIGHT) / len(self.classes)
        floor = self.height() - _BOTTOM
        rise = (floor - _TOP) / top
        for place, one in enumerate(self.classes):
            x = _LEFT + place * step
            _bar(
                painter,
                self.inks.count,
                x + 0.1 * step,
                floor,
                0.38 * step,
                rise * one.count / total,
            )
            _bar(painter, self.inks.ieq, x + 0.52 * step, floor, 0.38 * step, rise * one.ieq_share)
            painter.setPen(QColor(self.inks.muted))
            painter.drawText(QRectF(x - step / 2, floor + 2, step, 14), _CENTRE, f"{one.low_um:g}")
        _floor(painter, self.inks, self.width(), floor)
        _axis_name(painter, self.inks, self.rect(), texts.DIAMETER_AXIS)
        _share_ticks(painter, self.inks, floor, rise, top)
        _key(
            painter,
            self.inks,
            self.width(),
            (("islets, %", self.inks.count), ("IEQ, %", self.inks.ieq)),
        )


class CumulativeChart(Chart):
    """Share of the IEQ in islets up to each diameter."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(150, parent)
        self.diameters_um: NDArray[np.float64] = np.zeros(0)
        self.shares: NDArray[np.float64] = np.zeros(0)

    def show_islets(self, islets: Sequence[Islet], min_diameter_um: float) -> None:
        """Draw the islets that count."""
        self.diameters_um, self.shares = cumulative(islets)
        self._low = 50.0 * math.floor(min_diameter_um / 50)
        self.update()

    def draw(self, painter: QPainter) -> None:
        """Draw the curve, its middle and the axes."""
        if not len(self.shares):
            painter.setPen(QColor(self.inks.muted))
            painter.drawText(self.rect(), _CENTRE, texts.NO_ISLETS)
            return
        floor = self.height() - _BOTTOM
        high = 50.0 * (math.floor(float(self.diameters_um[-1]) / 50) + 1)
        wide, tall = self.width() - _LEFT - _RIGHT, floor - _TOP
        x = _LEFT + wide * (self.diameters_um - self._low) / (high - self._low)
        y = floor - tall * self.shares
        half = int(np.searchsorted(self.shares, 0.5))
        painter.setPen(QPen(QColor(self.inks.line), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(_LEFT, floor - tall / 2), QPointF(x[half], floor - tall / 2))
        painter.drawLine(QPointF(x[half], floor - tall / 2), QPointF(x[half], floor))
        painter.setPen(QPen(QColor(self.inks.count), 2))
        steps = [QPointF(_LEFT, floor)]
        for left, before, after in zip(x, np.append(floor, y[:-1]), y, strict=True):
            steps += [QPointF(left, before), QPointF(left, after)]
        painter.drawPolyline(QPolygonF([*steps, QPointF(_LEFT + wide, y[-1])]))
        _floor(painter, self.inks, self.width(), floor)
        _share_ticks(painter, self.inks, floor, tall, 1.0)
        every = 50 * max(1, math.ceil((high - self._low) / 50 / 8))
        painter.setPen(QColor(self.inks.muted))
        for tick in np.arange(self._low, high + 1, every):
            place = _LEFT + wide * (tick - self._low) / (high - self._low)
            painter.drawText(QRectF(place - 20, floor + 2, 40, 14), _CENTRE, f"{tick:g}")
        _axis_name(painter, self.inks, self.rect(), texts.DIAMETER_AXIS)
        words = texts.CURVE_HALF.format(half=f"{self.diameters_um[half]:.0f}")
        _title(painter, self.inks, self.width(), f"cumulative IEQ, %; {words}")


class LimitBar(Chart):
    """Interval against limit: the side where the limit is met is tinted."""

    def __init__(self, criterion: Criterion, parent: QWidget | None = None) -> None:
        super().__init__(22, parent)
        self.criterion = criterion
        self.setToolTip(texts.BAR_KEY)

    def draw(self, painter: QPainter) -> None:
        """Draw track, interval, limit and value."""
        estimate, wide = self.criterion.estimate, float(self.width())
        known = [
            v
            for v in (estimate.value, estimate.ci_low, estimate.ci_high, self.criterion.limit)
            if v is not None and math.isfinite(v)
        ]
        low, high = min(known), max(known)
        room = 0.15 * (high - low) or abs(high) * 0.5 or 1.0
        low = max(low - room, 0.0) if low >= 0 else low - room

        def at(value: float) -> float:
            return 5 + (wide - 10) * (value - low) / (high + room - low)

        limit = at(self.criterion.limit)
        met = QRectF(limit, 5, wide - limit, 12)
        if self.criterion.relation in {"<=", "<"}:
            met = QRectF(0, 5, limit, 12)
        painter.fillRect(QRectF(0, 5, wide, 12), QColor(self.inks.wash))
        tint = QColor("#009e8f")
        tint.setAlphaF(0.35)
        painter.fillRect(met, tint)
        low_end, high_end = _known(estimate.ci_low), _known(estimate.ci_high)
        left = 0.0 if low_end is None else at(low_end)
        right = wide if high_end is None else at(high_end)
        if low_end is not None or high_end is not None:
            painter.fillRect(QRectF(left, 9, max(right - left, 1), 4), QColor(self.inks.count))
        painter.setPen(QPen(QColor(self.inks.text), 2))
        painter.drawLine(QPointF(limit, 1), QPointF(limit, 21))
        if estimate.value is not None:
            painter.setPen(QPen(QColor(self.inks.wash), 1.5))
            painter.setBrush(QColor(self.inks.text))
            painter.drawEllipse(QPointF(at(estimate.value), 11), 5, 5)


def cumulative(islets: Sequence[Islet]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Diameters of the islets that count, rising, and the share of the IEQ up to each."""
    rows = sorted((i.diameter_um, i.weight * i.ieq) for i in islets if i.included)
    columns = np.array(rows, dtype=np.float64).reshape(-1, 2)
    sums = np.cumsum(columns[:, 1])
    if not len(sums) or sums[-1] <= 0:
        return np.zeros(0), np.zeros(0)
    return columns[:, 0], sums / sums[-1]


def _known(value: float | None) -> float | None:
    """Give an end of an interval; None where it is open."""
    return value if value is not None and math.isfinite(value) else None


def _bar(painter: QPainter, colour: str, x: float, floor: float, wide: float, tall: float) -> None:
    painter.fillRect(QRectF(x, floor - tall, wide, tall), QColor(colour))


def _floor(painter: QPainter, inks: Inks, wide: float, floor: float) -> None:
    painter.setPen(QPen(QColor(inks.muted), 1))
    painter.drawLine(QPointF(_LEFT, floor), QPointF(wide - _RIGHT, floor))


def _axis_name(painter: QPainter, inks: Inks, room: object, words: str) -> None:
    painter.setPen(QColor(inks.muted))
    place = QRectF(room)  # type: ignore[call-overload]
    painter.drawText(QRectF(_LEFT, place.height() - 17, place.width() - _LEFT, 15), _CENTRE, words)


def _share_ticks(painter: QPainter, inks: Inks, floor: float, rise: float, top: float) -> None:
    """Write percentages at a round step up to the top."""
    step = next(s for s in (0.05, 0.1, 0.2, 0.25, 0.5) if top / s <= 4.5 or s == 0.5)
    painter.setPen(QColor(inks.muted))
    for k in range(int(top / step) + 1):
        y = floor - rise * k * step
        painter.drawText(QRectF(0, y - 8, _LEFT - 6, 16), _RIGHT_MIDDLE, f"{100 * k * step:.0f}")


def _key(painter: QPainter, inks: Inks, wide: float, entries: Sequence[tuple[str, str]]) -> None:
    x = _LEFT
    for words, colour in entries:
        painter.fillRect(QRectF(x, 6, 9, 9), QColor(colour))
        painter.setPen(QColor(inks.muted))
        painter.drawText(QRectF(x + 14, 2, wide, 17), _LEFT_MIDDLE, words)
        x += 24 + painter.fontMetrics().horizontalAdvance(words)


def _title(painter: QPainter, inks: Inks, wide: float, words: str) -> None:
    painter.setPen(QColor(inks.muted))
    painter.drawText(QRectF(_LEFT, 2, wide - _LEFT, 17), _LEFT_MIDDLE, words)
