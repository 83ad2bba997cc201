//! Chance as a function: the same seed, question and number give the same answer, whoever asks first.
//!
//! A generator with a state would make every answer hang on how often it was asked before, and so on the interleaving
//! of tasks. Holds nothing but the seed.

/// Answers questions by a seed.
#[derive(Debug, Clone, Copy)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice { seed }
    }

    /// 64 bits for the `number`th time of `what`.
    pub fn roll(self, what: &str, number: u64) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ mixed(self.seed);
        for byte in what.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        mixed(mixed(hash).wrapping_add(mixed(number)))
    }

    /// A number below `end`.
    pub fn below(self, what: &str, number: u64, end: u64) -> u64 {
        self.roll(what, number) % end.max(1)
    }

    /// True this many times of a thousand.
    pub fn permille(self, what: &str, number: u64, of_thousand: u64) -> bool {
        self.below(what, number, 1_000) < of_thousand
    }

    /// One of these.
    pub fn one<T: Copy>(self, what: &str, number: u64, of: &[T]) -> T {
        of[usize::try_from(self.below(what, number, of.len() as u64)).expect("an index")]
    }
}

/// SplitMix64's finalizer: every bit of the input moves every bit of the output.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
