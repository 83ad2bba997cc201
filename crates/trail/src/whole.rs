//! Small gzip files, inflated at one go: what nearly every log file is, at half the cost of the stream.
//!
//! Only for a file that is exactly one good member. Whatever is not (several members, bytes behind the last, damage, a
//! size beyond the limit or another than the file says) is left to [`gunzip`](crate::gunzip), which tells what is wrong;
//! a test holds the two against each other. Memory is bounded by the caller's limit, whatever the file says of itself.

use libdeflater::Decompressor;
use memchr::memmem;

/// Most bytes that are inflated at one go. Larger files go through a window; CloudTrail's stay below it in all but the
/// busiest regions.
pub const WHOLE_BYTES_MAX: usize = 16 << 20;

/// A gzip file ends with its inflated length in so many bytes, least significant first.
const LENGTH_BYTES: usize = 4;

/// Header and trailer of a member without a name.
const FRAME_BYTES: usize = 18;

/// Inflates files that are at hand as a whole.
#[derive(Default)]
pub(crate) struct Whole {
    /// The file as it is stored; reused between files.
    pub(crate) packed: Vec<u8>,
    /// Made for the first file.
    decompressor: Option<Decompressor>,
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whole").finish_non_exhaustive()
    }
}

impl Whole {
    /// Inflates the packed bytes to the front of `plain` and gives the length, if they are one whole member that
    /// inflates to at most `bytes_max`.
    pub(crate) fn inflate(&mut self, plain: &mut Vec<u8>, bytes_max: usize) -> Option<usize> {
        let length = only_length(&self.packed).filter(|length| *length <= bytes_max)?;
        if plain.len() < length {
            plain.resize(length, 0);
        }
        let decompressor = self.decompressor.get_or_insert_with(Decompressor::new);
        let inflated = decompressor.gzip_decompress(&self.packed, plain.get_mut(..length)?).ok()?;
        (inflated == length).then_some(length)
    }
}

/// The length that the last bytes state, if they stand nowhere else.
///
/// The library reads one member and does not say where it ended. But it ended with the length that was inflated. If
/// that length stands in the file at its very end only, this is where the member ended, and nothing hides behind it.
fn only_length(packed: &[u8]) -> Option<usize> {
    let at = packed.len().checked_sub(LENGTH_BYTES).filter(|_| packed.len() >= FRAME_BYTES)?;
    let stated = packed.last_chunk::<LENGTH_BYTES>()?;
    (memmem::find(packed, stated) == Some(at)).then(|| usize::try_from(u32::from_le_bytes(*stated)).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gunzip::tests::gzip;

    fn inflated(packed: Vec<u8>) -> Option<Vec<u8>> {
        let (mut whole, mut plain) = (Whole { packed, decompressor: None }, Vec::new());
        let length = whole.inflate(&mut plain, 1 << 20)?;
        Some(plain[..length].to_vec())
    }

    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|at| b'a' + (at * at % 23) as u8).collect()
    }

    #[test]
    fn one_good_member_is_inflated_at_one_go() {
        assert_eq!(inflated(gzip(&text(70_000))), Some(text(70_000)));
    }

    #[test]
    fn a_second_member_is_never_passed_over_even_one_of_the_same_length() {
        let one = gzip(&text(70_000));
        assert_eq!(inflated([one.clone(), one.clone()].concat()), None);
        assert_eq!(inflated([one.clone(), gzip(b"other")].concat()), None);
        assert_eq!(inflated([one, b"junk".to_vec()].concat()), None);
    }

    #[test]
    fn what_is_cut_damaged_or_too_large_is_left_to_the_stream() {
        let packed = gzip(&text(70_000));
        assert_eq!(inflated(packed[..packed.len() - 1].to_vec()), None);
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 1;
        assert_eq!(inflated(damaged), None);
        assert_eq!(inflated(gzip(&vec![b' '; 2 << 20])), None);
        for length in 0..FRAME_BYTES {
            assert_eq!(inflated(packed[..length].to_vec()), None);
        }
    }
}
