//! What is inflated at one go is decoded like what goes through the window, whatever was done to the file.

use proptest::prelude::*;
use snowtrail_trail::Limits;

use crate::document::{plan, style, write};
use crate::support::{decode_limited, gzip};

/// What becomes of a good gzip file.
fn done_to(packed: Vec<u8>, how: usize, at: prop::sample::Index, other: &[u8]) -> Vec<u8> {
    let at = at.index(packed.len());
    match how {
        0 => packed[..at].to_vec(),
        1 => [packed, gzip(other)].concat(),
        2 => [packed.clone(), packed].concat(),
        3 => [packed, other.to_vec()].concat(),
        4 => {
            let mut flipped = packed;
            flipped[at] ^= 1 << (at % 8);
            flipped
        }
        _ => packed,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn at_one_go_and_through_the_window_agree(
        plans in prop::collection::vec(plan(), 0..6),
        style in style(),
        how in 0..9usize,
        at in any::<prop::sample::Index>(),
    ) {
        let text = write(&plans, style);
        let packed = done_to(gzip(&text), how, at, text.get(..7).unwrap_or("").as_bytes());
        let slow = decode_limited(packed.as_slice(), Limits { whole_bytes_max: 0, ..Limits::default() });
        prop_assert_eq!(decode_limited(packed.as_slice(), Limits::default()), slow);
    }
}
