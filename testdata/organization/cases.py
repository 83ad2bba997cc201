"""What every incident and every trap is made with: a trail of its own, a day, and the label that says what happened.

`@incident(class, variant)` and `@trap(name)` register a function that makes one case. It gets a `Case`, takes the
secrets and roles that it needs from the world, makes records with `case.trail`, and names what it touched.
"""

from dataclasses import dataclass

from clock import WEST_COAST, dice, is_working_day
from records import Trail, after, at, stamp
from world import World

INCIDENTS: list = []
TRAPS: list = []


@dataclass
class Plan:
    """One registered case. `small`: part of the small organization too. `day`: a number, or None: any day after the
    first weeks. `span`: how many days it lasts. `want`: which days fit."""

    kind: str
    variant: str
    form: str
    make: object
    small: bool
    day: int | None
    span: int
    want: object

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.kind, self.variant, self.form) if part)


def incident(kind: str, variant: str, form: str = "", *, small=False, day=None, span=1, want=lambda day: True):
    """Registers an incident of a class, as its loud or its quiet variant."""

    def register(make):
        INCIDENTS.append(Plan(kind, variant, form, make, small, day, span, want))
        return make

    return register


def trap(kind: str, *, small=False, day=None, span=1, want=lambda day: True):
    """Registers a benign trap."""

    def register(make):
        TRAPS.append(Plan(kind, "", "", make, small, day, span, want))
        return make

    return register


def working(day) -> bool:
    return is_working_day(day)


def weekend(day) -> bool:
    return day.weekday() >= 5


class Case:
    """One incident or trap as it is being made."""

    def __init__(self, world: World, plan: Plan, number: int, is_trap: bool):
        self.world, self.plan, self.number, self.is_trap = world, plan, number, is_trap
        self.trail = Trail(f"organization/{world.seed}/case/{plan.name}")
        self.roll = dice("case", world.seed, plan.name)
        self.what = " ".join((plan.make.__doc__ or "").split())
        self.principals: list = []
        self.secrets: list = []
        self.others: list = []
        self.may: list = []
        self.needs_all = False
        self.must_alarm = False  # a report below medium does not find it
        self.span: tuple | None = None
        self.events: list = []
        self.times: list = []
        self.is_absence = False

    def when(self, hour: float, day: int = 0, zone=WEST_COAST):
        """A wall-clock time on the case's day or later; some minutes off the hour, the same when asked again."""
        off = dice("when", self.world.seed, self.plan.name, hour, day).randrange(40, 1500)
        return zone.utc(self.world.clock.day(self.number + day), hour, off)

    def names(self, *things, others=()):
        """Notes whom and what the case is about: callers, items, secrets, ARNs and other texts."""
        for thing in things:
            if hasattr(thing, "identity"):
                self.principals.append(principal_of(thing))
            elif hasattr(thing, "role_arn"):
                self.principals.append(thing.role_arn)
            elif hasattr(thing, "name"):
                self.secrets.append(thing.name)
            elif ":role/" in thing or ":user/" in thing or thing.endswith(":root"):
                self.principals.append(thing)
            else:
                self.others.append(thing)
        self.others += others

    def on(self, day: int, work):
        """Goes on, on a later day of the case."""
        self.world.on(self.number + day, work)

    def drain(self) -> list:
        """The records made since last asked; remembers which they were."""
        made, self.trail.records = self.trail.records, []
        self.events += [r["eventID"] for r in made]
        self.times += [r["eventTime"] for r in made]
        return made

    def lasts(self, begin, end):
        """Sets the window, where it is not that of the records."""
        self.span = (stamp(begin), stamp(end))

    def label(self) -> dict:
        """The label; without records (an absence) the window must have been set."""
        window = self.span or (min(self.times), max(self.times))
        unique = lambda values: sorted(set(values))
        return {
            "id": self.plan.name,
            "kind": "trap" if self.is_trap else "incident",
            "class": self.plan.kind,
            "variant": self.plan.variant or None,
            "what": self.what,
            "principals": unique(self.principals),
            "secrets": unique(self.secrets),
            "others": unique(self.others),
            "from": window[0],
            "to": stamp(after(at(window[1]), 1)),
            "needs_all": self.needs_all,
            "must_alarm": self.must_alarm,
            "absence": self.is_absence,
            "may_report": self.may,
            "events": self.events,
        }


def principal_of(caller) -> str:
    """What statistics are keyed on: the role's ARN, the user's, else what there is."""
    session = caller.identity.get("sessionContext", {}).get("sessionIssuer", {})
    return (
        session.get("arn")
        or caller.identity.get("arn")
        or caller.identity.get("principalId")
        or caller.identity.get("invokedBy", "")
    )


def schedule(world: World) -> dict:
    """day number -> [(plan, is_trap)]: incidents and traps spread over the days after the first weeks."""
    first, last = (14, 19) if world.small else (23, 43)
    planned: dict = {}
    loads = {n: 0 for n in range(world.clock.days)}
    for is_trap, plans in ((False, INCIDENTS), (True, TRAPS)):
        chosen = sorted((p for p in plans if p.small or not world.small), key=lambda p: p.name)
        dice("order", world.seed, is_trap).shuffle(chosen)
        for plan in chosen:
            day = plan.day
            if day is None:
                fits = [n for n in range(first, max(first + 1, last - plan.span + 2)) if plan.want(world.clock.day(n))]
                fits = fits or [n for n in range(first, last + 1) if plan.want(world.clock.day(n))]
                day = min(fits, key=lambda n: (loads[n], dice("day", world.seed, plan.name, n).random()))
            loads[day] += 1
            planned.setdefault(day, []).append((plan, is_trap))
    return planned
