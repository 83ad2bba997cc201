//! Which call fails how: a function of the seed, the kind of the call and how many of that kind came before.
//!
//! A seed has a temper (how often each kind fails and how), so that some seeds are mild, some break one thing all the
//! time. Knows nothing of what a failure means for each kind: that is said where the kind is played.

use std::time::Duration;

use crate::dice::Dice;

/// A kind of call to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Reading or looking at an object of the lake.
    StoreGet,
    /// Listing the lake.
    StoreList,
    /// Writing a Parquet file or anything else that is no commit.
    StorePut,
    /// Writing an entry of a Delta log.
    StoreCommit,
    /// Removing from the lake.
    StoreDelete,
    /// Receiving messages.
    Receive,
    /// Deleting messages.
    Delete,
    /// Hiding messages for longer, or giving them back.
    Hide,
    /// Asking how much there is.
    Depth,
    /// Reading a log object.
    ObjectGet,
    /// Sending a page.
    Publish,
}

impl Kind {
    /// For histories and dice.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::StoreGet => "get",
            Kind::StoreList => "list",
            Kind::StorePut => "put",
            Kind::StoreCommit => "commit",
            Kind::StoreDelete => "remove",
            Kind::Receive => "receive",
            Kind::Delete => "delete",
            Kind::Hide => "hide",
            Kind::Depth => "depth",
            Kind::ObjectGet => "object",
            Kind::Publish => "publish",
        }
    }

    /// Calls of which there are so many that each may fail only rarely, or nothing would ever succeed.
    fn is_frequent(self) -> bool {
        matches!(self, Kind::StoreGet | Kind::StoreList)
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails and has no effect.
    Before,
    /// It has its effect, and the caller hears of a failure.
    After,
    /// The process dies; no effect.
    CrashBefore,
    /// It has its effect, and the process dies.
    CrashAfter,
    /// It takes long, then succeeds.
    Slow(Duration),
    /// What only this kind can do; the number chooses.
    Odd(u64),
}

/// How a seed treats each kind of call.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    dice: Dice,
}

/// The longest that a slow call takes: longer than any timeout of the worker and than the visibility of its messages.
const SLOW_SECS_MAX: u64 = 150;

impl Faults {
    /// Those of a seed.
    pub fn new(dice: Dice) -> Faults {
        Faults { dice }
    }

    /// What happens to the `ordinal`th call of a kind.
    pub fn of(self, kind: Kind, ordinal: u64) -> Fault {
        if self.in_storm(kind, ordinal) {
            return Fault::Odd(1);
        }
        let what = kind.as_str();
        if !self.dice.permille(what, ordinal, self.permille(kind)) {
            return Fault::None;
        }
        let number = self.dice.roll("which fault", ordinal ^ self.dice.roll(what, 0));
        match number % 10 {
            0 | 1 => Fault::Before,
            2 | 3 => Fault::After,
            4 => Fault::CrashBefore,
            5 => Fault::CrashAfter,
            6 => Fault::Slow(Duration::from_secs(1 + (number >> 8) % SLOW_SECS_MAX)),
            _ => Fault::Odd(number >> 8),
        }
    }

    /// Whether a read beside the runtime's thread fails, after so many turns.
    pub fn beside(self, kind: Kind, place: &str, turns: u64) -> bool {
        self.dice.permille("beside", turns ^ self.dice.roll(place, 0), self.permille(kind))
    }

    /// The seed's temper for a kind.
    fn permille(self, kind: Kind) -> u64 {
        let tempers: &[u64] = if kind.is_frequent() { &[0, 1, 2, 4] } else { &[0, 20, 60, 150] };
        self.dice.one("temper", self.dice.roll(kind.as_str(), 1), tempers)
    }

    /// For a while every commit meets a rival's.
    fn in_storm(self, kind: Kind, ordinal: u64) -> bool {
        let begins = 5 + self.dice.below("storm begins", 0, 40);
        let length = self.dice.one("storm length", 0, &[0, 0, 0, 3, 20]);
        kind == Kind::StoreCommit && (begins..begins + length).contains(&ordinal)
    }
}
