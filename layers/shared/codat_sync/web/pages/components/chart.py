"""A picture of totals per day and outcome: what is drawn where, in the picture's own units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from codat_sync.queries.sync_query import DayTotals
from codat_sync.syncs.status_codes import Outcome

WIDTH = 960
HEIGHT = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 4, 10, 24
_GAP = 0.28
_MOST_WIDE = 34.0
_LABELS_AT_MOST = 10
# From the axis upwards: what is well lies at the bottom, what failed on top, where it is seen.
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
    """A part of a bar."""

    outcome: Outcome
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A day. ``label`` is what stands below it, if there is room."""

    totals: DayTotals
    x: float
    width: float
    slot_x: float
    slot_width: float
    segments: tuple[Segment, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line across, and what it stands for."""

    y: float
    number: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars over days, and lines to read them by. ``outcomes`` are those that occur."""

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
    """Return the picture of ``days``, oldest first."""
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
    width = min(slot * (1 - _GAP), _MOST_WIDE)
    every = -(-len(days) // _LABELS_AT_MOST)
    for number, day in enumerate(days):
        start = _LEFT + number * slot
        # Counted from the end, so that the last day always has its label.
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
    """Return the distance of lines: 1, 2 or 5 times a power of ten, four lines at most."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 4 * factor * power:
                return factor * power
        power *= 10
