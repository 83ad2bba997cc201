"""Time in the simulated organization: its days, its two time zones, its working hours and seasons. Makes no records.

Zones are written out, because zoneinfo needs a database that a small machine may lack.
"""

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

# Each start brings another season: clocks go forward (and a quarter ends), go back, or holidays come. The first of a
# month falls twice into each, so that a monthly job comes back.
STARTS = [date(2027, 3, 1), date(2026, 9, 28), date(2026, 12, 1)]
HOLIDAYS = ["2026-11-11", "2026-12-25", "2027-01-01", "2027-03-26"]


def dice(*parts) -> random.Random:
    """A random source that depends on its name alone: one strand of life never moves another."""
    return random.Random("|".join(str(part) for part in parts))


def _sunday(year: int, month: int, number: int) -> date:
    """The number-th Sunday of a month; 0 is the last one."""
    if number == 0:
        return _sunday(year, month + 1, 1) - timedelta(days=7)
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


@dataclass(frozen=True)
class Zone:
    """A time zone: hours from UTC in winter, and when summer time begins and ends."""

    name: str
    winter: int
    summer_from: tuple  # month, number of the Sunday, hour in UTC
    summer_to: tuple

    def offset(self, when: datetime) -> int:
        """Hours from UTC at that moment."""
        begin, end = (self._turn(when.year, turn) for turn in (self.summer_from, self.summer_to))
        return self.winter + (1 if begin <= when < end else 0)

    def utc(self, day: date, hour: float, second: int = 0) -> datetime:
        """A wall-clock time of a local day as UTC; `hour` may be broken, and 25 is one in the next night."""
        wall = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) + timedelta(
            seconds=round(hour * 3600) + second
        )
        return wall - timedelta(hours=self.offset(wall - timedelta(hours=self.winter)))

    def wall(self, when: datetime) -> datetime:
        """The wall clock at a moment."""
        return when + timedelta(hours=self.offset(when))

    @staticmethod
    def _turn(year: int, turn: tuple) -> datetime:
        month, number, hour = turn
        day = _sunday(year, month, number)
        return datetime(day.year, day.month, day.day, hour, tzinfo=timezone.utc)


WEST_COAST = Zone("America/Los_Angeles", -8, (3, 2, 10), (11, 1, 9))
BERLIN = Zone("Europe/Berlin", 1, (3, 0, 1), (10, 0, 1))


class Clock:
    """The days of one simulated organization."""

    def __init__(self, seed: int, days: int):
        self.first = STARTS[seed % len(STARTS)]
        self.days = days

    def day(self, number: int) -> date:
        """The number-th local day, from 0."""
        return self.first + timedelta(days=number)

    @property
    def begin(self) -> datetime:
        """The first moment, UTC."""
        return WEST_COAST.utc(self.first, 0)

    @property
    def end(self) -> datetime:
        """The moment after the last one, UTC."""
        return WEST_COAST.utc(self.day(self.days), 0)


def is_working_day(day: date) -> bool:
    """Monday to Friday, no holiday."""
    return day.weekday() < 5 and day.isoformat() not in HOLIDAYS


def activity(zone: Zone, when: datetime) -> float:
    """How busy a service is whose users live in that zone: 1 at noon of a working day."""
    wall = zone.wall(when)
    hour = wall.hour
    level = 1.0 if 9 <= hour < 18 else 0.6 if 7 <= hour < 22 else 0.3
    return level if is_working_day(wall.date()) else 0.6 * level
