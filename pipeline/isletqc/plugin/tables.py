"""Tables of the bench: the islets of a picture, the log of its edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from isletqc.records import Edit, Islet

Index = QModelIndex | QPersistentModelIndex
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
SORT = Qt.ItemDataRole.UserRole
ISLET_COLUMNS = ("Islet", "µm", "IEQ", "Round", "Counts", "Reason")
ISLET_TIPS = (
    "Number in labels.ome.tif and objects.csv",
    "Diameter of the circle of equal area, µm",
    "Islet equivalents",
    "Circularity: 1 for a disc",
    "Does it count?",
    "Why it does not count",
)
EDIT_COLUMNS = ("Time", "What", "Islets", "Who", "Change", "Why")


class Rows(QAbstractTableModel):
    """Read-only rows of values; numbers are right-aligned and sort as numbers."""

    def __init__(
        self, columns: Sequence[str], tips: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._columns, self._tips = tuple(columns), tuple(tips)
        self._rows: list[tuple[Any, ...]] = []

    def put(self, rows: list[tuple[Any, ...]]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def row(self, place: int) -> tuple[Any, ...]:
        """Give the values of one row."""
        return self._rows[place]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's own form
        """Give the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's own form
        """Give the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give text, sort value, alignment or tooltip of a cell."""
        value = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            # Tenths for sizes and large numbers, hundredths for what is small.
            return _shown(value)
        if role == SORT:
            return value
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if isinstance(value, (int, float)) else _LEFT
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str):
            return value
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Give the title of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole and self._tips:
            return self._tips[section]
        return self._columns[section] if role == Qt.ItemDataRole.DisplayRole else None


class Table(QTableView):
    """Whole rows are selected, a click on a title sorts."""

    def __init__(
        self, columns: Sequence[str], tips: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.rows = Rows(columns, tips, self)
        self.sorted = QSortFilterProxyModel(self)
        self.sorted.setSourceModel(self.rows)
        self.sorted.setSortRole(SORT)
        self.setModel(self.sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def widths(self, widths: Sequence[int]) -> None:
        """Set the widths of all columns but the last."""
        for column, width in enumerate(widths):
            self.setColumnWidth(column, width)

    def chosen(self) -> list[tuple[Any, ...]]:
        """Give the values of the selected rows."""
        places = {self.sorted.mapToSource(i).row() for i in self.selectionModel().selectedRows()}
        return [self.rows.row(place) for place in sorted(places)]

    def place_of(self, column: int, value: Any) -> QModelIndex | None:
        """Give the place of the first row with a value in a column, as shown."""
        for place in range(self.rows.rowCount()):
            if self.rows.row(place)[column] == value:
                return self.sorted.mapFromSource(self.rows.index(place, 0))
        return None


def islet_rows(islets: Sequence[Islet]) -> list[tuple[Any, ...]]:
    """One row an islet, as in `ISLET_COLUMNS`."""
    return [
        (
            i.label,
            round(i.diameter_um, 1),
            round(i.ieq, 3),
            round(i.circularity, 2),
            "yes" if i.included else "no",
            i.exclusion_reason,
        )
        for i in islets
    ]


def edit_rows(edits: Sequence[Edit]) -> list[tuple[Any, ...]]:
    """One row an edit, the last first, as in `EDIT_COLUMNS`."""
    return [
        (
            Time(e.time),
            e.action,
            ", ".join(map(str, e.labels)),
            e.who,
            difference(e),
            e.reason,
        )
        for e in reversed(edits)
    ]


class Time(str):
    """A time in UTC that shows its clock and sorts, and tells, the whole."""

    __slots__ = ()


def difference(edit: Edit) -> str:
    """Write what an edit changed, e.g. ``ieq 120.1 → 118.7``."""
    names = [n for n in edit.new if edit.old.get(n) != edit.new[n]]
    return "; ".join(f"{n} {_short(edit.old.get(n, ''))} → {_short(edit.new[n])}" for n in names)


def _shown(value: Any) -> str:
    if isinstance(value, Time):
        return value[11:19]
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"


def _short(value: float | str) -> str:
    return f"{value:.5g}" if isinstance(value, (int, float)) else value
