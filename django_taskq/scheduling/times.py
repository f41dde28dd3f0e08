"""The times of day at which a cron expression is due."""

from bisect import bisect_left, bisect_right
from datetime import datetime, time


class Times:
    """Hours, minutes and seconds, each in order: every combination is a time of day."""

    __slots__ = ("count", "first", "hours", "last", "minutes", "seconds")

    def __init__(
        self, hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]
    ) -> None:
        self.hours, self.minutes, self.seconds = hours, minutes, seconds
        self.count = len(hours) * len(minutes) * len(seconds)
        self.first = time(hours[0], minutes[0], seconds[0])
        self.last = time(hours[-1], minutes[-1], seconds[-1])

    def has(self, moment: datetime) -> bool:
        """Tell whether the time of a whole second is among them."""
        return (
            moment.hour in self.hours
            and moment.minute in self.minutes
            and moment.second in self.seconds
        )

    def at_or_after(self, moment: datetime) -> time | None:
        """Return the first that is not before the time of a whole second, on the same day."""
        hour, minute = moment.hour, moment.minute
        if hour in self.hours:
            if minute in self.minutes:
                place = bisect_left(self.seconds, moment.second)
                if place < len(self.seconds):
                    return time(hour, minute, self.seconds[place])
            place = bisect_right(self.minutes, minute)
            if place < len(self.minutes):
                return time(hour, self.minutes[place], self.seconds[0])
        place = bisect_right(self.hours, hour)
        if place < len(self.hours):
            return time(self.hours[place], self.minutes[0], self.seconds[0])
        return None

    def before(self, moment: datetime) -> time | None:
        """Return the last that is before the time of a whole second, on the same day."""
        hour, minute = moment.hour, moment.minute
        if hour in self.hours:
            if minute in self.minutes:
                place = bisect_left(self.seconds, moment.second)
                if place:
                    return time(hour, minute, self.seconds[place - 1])
            place = bisect_left(self.minutes, minute)
            if place:
                return time(hour, self.minutes[place - 1], self.seconds[-1])
        place = bisect_left(self.hours, hour)
        if place:
            return time(self.hours[place - 1], self.minutes[-1], self.seconds[-1])
        return None

    def count_before(self, moment: datetime) -> int:
        """Count those before the time of a whole second."""
        in_minute, in_hour = len(self.seconds), len(self.minutes) * len(self.seconds)
        found = bisect_left(self.hours, moment.hour) * in_hour
        if moment.hour in self.hours:
            found += bisect_left(self.minutes, moment.minute) * in_minute
            if moment.minute in self.minutes:
                found += bisect_left(self.seconds, moment.second)
        return found
