"""The Results dock: verdict in large type, warnings, limits, sizes, lots, definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import napari
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from isletqc.decide.lot import sample_pictures
from isletqc.plugin import looks
from isletqc.plugin.bench import bench_of
from isletqc.plugin.charts import CumulativeChart, LimitBar, SizeChart
from isletqc.plugin.message import Message
from isletqc.plugin.panel_form import entitle, note, row
from isletqc.plugin.verdict import VerdictBanner
from isletqc.records import Criterion, Islet, Verdict
from isletqc.report import figures, texts
from isletqc.report.definitions import definitions
from isletqc.report.results import RunResults

LOT, PICTURE = "The lot", "This picture"
_MOST_WARNINGS = 6


class ResultsDock(QWidget):
    """Shows what the engine says of the lot on the table; follows every edit."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench_of(viewer)
        self.banner = VerdictBanner()
        self.reason = note()
        self.lot = QComboBox()
        self.warnings = QVBoxLayout()
        self.limits = QGridLayout()
        self.scope = QComboBox()
        self.scope.addItems([LOT, PICTURE])
        self.sizes, self.curve = SizeChart(), CumulativeChart()
        self.lots = _lot_table()
        self.define = QPushButton("Definitions")
        self.define.setToolTip("How each word of this page is defined in the protocol")
        self.report = QPushButton("Open report")
        self.report.setToolTip("The report of the run in the browser, as it was last saved")
        self._lay_out()
        self._connect()
        self._set_theme()
        self.refresh()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self.banner)
        column.addWidget(self.reason)
        self.warnings.setSpacing(2)
        column.addLayout(self.warnings)
        column.addWidget(self.lot)
        column.addWidget(_title(texts.LIMITS))
        self.limits.setVerticalSpacing(2)
        self.limits.setColumnStretch(0, 1)
        column.addLayout(self.limits)
        column.addLayout(row((_title(texts.SIZES), 1), self.scope))
        column.addWidget(self.sizes)
        column.addWidget(self.curve)
        column.addWidget(_title(texts.LOTS))
        column.addWidget(self.lots)
        column.addLayout(row((self.define, 1), (self.report, 1)))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(area)
        self.setMinimumWidth(330)

    def _connect(self) -> None:
        bench = self._bench
        for signal in (bench.opened, bench.shown, bench.edited):
            signal.connect(self.refresh)
        bench.viewer.events.theme.connect(self._set_theme)
        self.lot.activated.connect(lambda _: self._show_lot())
        self.scope.activated.connect(lambda _: self._show_sizes())
        self.define.clicked.connect(self.show_definitions)
        self.report.clicked.connect(self.open_report)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take a short title."""
        entitle(self, "Results")
        self._bench.guard(self.window())

    def refresh(self) -> None:
        """Show what the results say now."""
        results = self._bench.results
        names = [v.lot.name for v in results.verdicts] if results else []
        shown = self._bench.lot_name or self.lot.currentText()
        self.lot.clear()
        self.lot.addItems(names)
        self.lot.setCurrentText(shown)
        self.lot.setVisible(len(names) > 1)
        self.define.setEnabled(results is not None)
        self.report.setEnabled(self._bench.folder is not None)
        self._fill_lots(results)
        self._show_lot()

    def verdict(self) -> Verdict | None:
        """Give the lot that is shown."""
        results, place = self._bench.results, self.lot.currentIndex()
        return results.verdicts[place] if results and 0 <= place < len(results.verdicts) else None

    def show_definitions(self) -> QDialog:
        """Open the definitions that the protocol sets."""
        dialog = QDialog(self)
        dialog.setWindowTitle(texts.DEFINITIONS)
        dialog.resize(560, 640)
        page = QTextBrowser()
        if self._bench.results is not None:
            page.setHtml(_definition_list(self._bench.results))
        layout = QVBoxLayout(dialog)
        layout.addWidget(page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        return dialog

    def open_report(self) -> None:
        """Open the run's report in the browser."""
        if self._bench.folder is not None:
            page = Path(self._bench.folder) / "report.html"
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(page.resolve())))

    def _show_lot(self) -> None:
        verdict = self.verdict()
        self.banner.show_verdict(verdict.verdict if verdict else "")
        self.reason.setText(verdict.reason if verdict else "Nothing is open yet.")
        self._fill_warnings(verdict)
        self._fill_limits(verdict.criteria if verdict else ())
        self._show_sizes()

    def _show_sizes(self) -> None:
        verdict, work, results = self.verdict(), self._bench.work, self._bench.results
        islets: Sequence[Islet] = ()
        if self.scope.currentText() == PICTURE and work is not None:
            islets = work.picture.islets
        elif verdict is not None:
            islets = [i for p in sample_pictures(verdict.lot) for i in p.islets]
        smallest = results.protocol.protocol.sizing.min_diameter_um if results else 50.0
        self.sizes.show_islets(islets, smallest)
        self.curve.show_islets(islets, smallest)

    def _fill_warnings(self, verdict: Verdict | None) -> None:
        _empty(self.warnings)
        said = list(_warnings(verdict, self._bench.results)) if verdict else []
        for kind, text in said[:_MOST_WARNINGS]:
            message = Message()
            message.say("error" if kind == "error" else "warning", text)
            self.warnings.addWidget(message)
        if len(said) > _MOST_WARNINGS:
            self.warnings.addWidget(QLabel(f"{len(said) - _MOST_WARNINGS} more in the report"))

    def _fill_limits(self, criteria: Sequence[Criterion]) -> None:
        _empty(self.limits)
        if not criteria:
            words = note()
            words.setText(texts.NO_LIMITS if self.verdict() else "")
            self.limits.addWidget(words, 0, 0, 1, 2)
        for place, criterion in enumerate(criteria):
            self._add_limit(4 * place, criterion)

    def _add_limit(self, line: int, criterion: Criterion) -> None:
        results = self._bench.results
        markers = results.protocol.protocol.markers if results else None
        name = QLabel(figures.limit_name(criterion.name, criterion.estimate.name, markers))
        name.setWordWrap(True)
        bar = LimitBar(criterion)
        bar.set_theme(self._bench.viewer.theme)
        said = note()
        said.setText(figures.sentence(criterion, markers))
        said.setToolTip(criterion.reason)
        self.limits.addWidget(name, line, 0)
        self.limits.addWidget(_chip(criterion.verdict), line, 1)
        self.limits.addWidget(bar, line + 1, 0, 1, 2)
        self.limits.addWidget(said, line + 2, 0, 1, 2)
        self.limits.setRowMinimumHeight(line + 3, 6)

    def _fill_lots(self, results: RunResults | None) -> None:
        verdicts = results.verdicts if results else ()
        self.lots.setRowCount(len(verdicts))
        for line, verdict in enumerate(verdicts):
            pictures = sample_pictures(verdict.lot)
            cells = (
                verdict.lot.name,
                looks.word(verdict.verdict),
                f"{sum(p.islet_count for p in pictures):,.0f}",
                f"{sum(p.ieq for p in pictures):,.0f}",
            )
            for column, words in enumerate(cells):
                item = QTableWidgetItem(words)
                item.setToolTip(words)
                if column > 1:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.lots.setItem(line, column, item)
        self.lots.setFixedHeight(32 + 26 * min(max(len(verdicts), 1), 6))

    def _set_theme(self, event: object = None) -> None:
        for chart in (self.sizes, self.curve, *self.findChildren(LimitBar)):
            chart.set_theme(self._bench.viewer.theme)


def _warnings(verdict: Verdict, results: RunResults | None) -> Iterable[tuple[str, str]]:
    """Failures, flags and unfit pictures of a lot, the worst first."""
    for failure in results.failures if results else ():
        if failure.sample.lot == verdict.lot.name:
            yield "error", f"{Path(failure.sample.image).name}: {failure.message}"
    for flag in verdict.flags:
        yield "warning", flag.message
    for picture in verdict.lot.pictures:
        if picture.fitness.verdict == "unfit":
            yield "warning", f"{picture.name}: {'; '.join(picture.fitness.reasons)}"


def _definition_list(results: RunResults) -> str:
    from html import escape

    return "".join(f"<h4>{escape(t)}</h4><p>{escape(d)}</p>" for t, d in definitions(results))


def _title(words: str) -> QLabel:
    label = QLabel(words)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def _chip(verdict: str) -> QLabel:
    ground, ink = looks.VERDICT_COLOURS[verdict]
    chip = QLabel(looks.word(verdict))
    chip.setStyleSheet(
        f"background: {ground}; color: {ink}; border-radius: 3px; padding: 2px 8px; "
        "font-weight: bold;"
    )
    return chip


def _lot_table() -> QTableWidget:
    table = QTableWidget(0, 4)
    table.setHorizontalHeaderLabels([texts.LOT, texts.VERDICT, texts.ISLETS, texts.IEQ])
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    return table


def _empty(layout: QVBoxLayout | QGridLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
