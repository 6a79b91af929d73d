"""Layout of the stacked bar chart of syncs per day and outcome, in SVG units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from codat_sync.queries.sync_query import DayTotals
from codat_sync.syncs.status_codes import Outcome

WIDTH = 960
HEIGHT = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 4, 10, 24
_GAP = 0.28
_MAX_BAR_WIDTH = 34.0
_MAX_LABELS = 10
# Stacking order from the axis upwards: failures are on top, where they stand out.
STACKED = (
    Outcome.SUCCEEDED,
    Outcome.IN_PROGRESS,
    Outcome.SUBMITTED,
    Outcome.ANNOUNCED,
    Outcome.UNKNOWN,
    Outcome.FAILED,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One outcome's segment of a bar."""

    outcome: Outcome
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day's bar. ``label`` is the text below it, None where there is no room."""

    totals: DayTotals
    x: float
    width: float
    slot_x: float
    slot_width: float
    segments: tuple[Segment, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal grid line and the number of syncs it marks."""

    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and grid lines. ``outcomes`` are those that occur in the period, in stacking order."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    outcomes: tuple[Outcome, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    base: int = HEIGHT - _BOTTOM


def chart(days: Sequence[DayTotals]) -> Chart:
    """Lay out the chart of ``days``, which are sorted oldest first."""
    most = max((day.syncs for day in days), default=0)
    step = _step(most)
    lines = max(1, -(-most // step))
    unit = (HEIGHT - _TOP - _BOTTOM) / (step * lines)
    return Chart(
        bars=tuple(_bars(days, unit)),
        lines=tuple(Line(HEIGHT - _BOTTOM - number * step * unit, number * step) for number in range(lines + 1)),
        outcomes=tuple(outcome for outcome in STACKED if any(day.outcomes[outcome] for day in days)),
    )


def _bars(days: Sequence[DayTotals], unit: float) -> Iterable[Bar]:
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(days))
    width = min(slot * (1 - _GAP), _MAX_BAR_WIDTH)
    every = -(-len(days) // _MAX_LABELS)
    for number, day in enumerate(days):
        start = _LEFT + number * slot
        # Counted from the end, so that the last day is always labelled.
        is_labelled = (len(days) - 1 - number) % every == 0
        yield Bar(
            totals=day,
            x=start + (slot - width) / 2,
            width=width,
            slot_x=start,
            slot_width=slot,
            segments=tuple(_segments(day, unit)),
            label=_label(day.day) if is_labelled else None,
        )


def _segments(day: DayTotals, unit: float) -> Iterable[Segment]:
    y = float(HEIGHT - _BOTTOM)
    for outcome in STACKED:
        if number := day.outcomes[outcome]:
            y -= number * unit
            yield Segment(outcome, y, number * unit)


def _label(day: date) -> str:
    return f"{day.day} {day:%b}"


def _step(most: int) -> int:
    """Return the grid spacing: 1, 2 or 5 times a power of ten, for at most four lines above the axis."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 4 * factor * power:
                return factor * power
        power *= 10
