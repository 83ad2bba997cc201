//! The one place where untrusted bytes are inflated: every gzip member, capped, damage noted instead of raised.
//!
//! Plain bytes pass through unchanged; gzip is told by its magic, never by a file name. What goes wrong inside the
//! stream (cut off, wrong checksum, bytes behind the end, a bomb) ends the stream with a [`GzipFault`]: the bytes got
//! so far are still good. Only errors of the reader beneath become `io::Error`.
//!
//! CloudTrail writes exactly one member (aws-cli's log validation treats more as tampering), but records hide behind
//! the first one, so all are read; who feeds a CloudTrail log file decides what more than one means.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// Most bytes one source may inflate to. What follows is not read; the source gets an `inflated_too_large` remark.
/// CloudTrail's files stay below 50 MB.
pub const INFLATED_BYTES_MAX: u64 = 2 << 30;

/// Highest ratio of inflated to packed bytes once past [`INFLATE_RATIO_FREE_BYTES`]; beyond it the source is cut off
/// with an `inflated_too_large` remark. Trails reach 7 to 40, deflate's own limit is 1032.
pub const INFLATE_RATIO_MAX: u64 = 250;

/// So many inflated bytes are free of the ratio limit, since small files may repeat themselves without harm.
pub const INFLATE_RATIO_FREE_BYTES: u64 = 64 << 20;

const PACKED_BUFFER_BYTES: usize = 64 << 10;
/// What every gzip member starts with.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The limits of one inflation; tests inject smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InflateLimits {
    /// See [`INFLATED_BYTES_MAX`].
    pub bytes_max: u64,
    /// See [`INFLATE_RATIO_MAX`].
    pub ratio_max: u64,
    /// See [`INFLATE_RATIO_FREE_BYTES`].
    pub ratio_free_bytes: u64,
}

impl Default for InflateLimits {
    fn default() -> InflateLimits {
        InflateLimits {
            bytes_max: INFLATED_BYTES_MAX,
            ratio_max: INFLATE_RATIO_MAX,
            ratio_free_bytes: INFLATE_RATIO_FREE_BYTES,
        }
    }
}

/// What ended a gzip stream early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipFault {
    /// Cut off, or a checksum or a code is wrong.
    Broken,
    /// Bytes behind the last member that are no gzip.
    Trailing,
    /// Past a limit.
    TooLarge,
}

/// A `Read` that inflates gzip and passes anything else through.
pub struct Inflate<R: Read> {
    stage: Stage<Packed<R>>,
    limits: InflateLimits,
    members: u64,
    inflated_bytes: u64,
    packed_bytes: u64,
    fault: Option<GzipFault>,
}

enum Stage<P> {
    Start(P),
    Plain(P),
    Member(Box<GzDecoder<P>>),
    End,
}

impl<R: Read> Inflate<R> {
    /// Wraps a reader under the given limits.
    pub fn new(input: R, limits: InflateLimits) -> Inflate<R> {
        let packed =
            Packed { input: BufReader::with_capacity(PACKED_BUFFER_BYTES, input), used: 0, error: None };
        Inflate {
            stage: Stage::Start(packed),
            limits,
            members: 0,
            inflated_bytes: 0,
            packed_bytes: 0,
            fault: None,
        }
    }

    /// Gzip members seen so far; 0 for plain bytes.
    pub fn members(&self) -> u64 {
        self.members
    }

    /// Plain bytes given out so far.
    pub fn plain_bytes(&self) -> u64 {
        self.inflated_bytes
    }

    /// What ended the stream early, once it has ended.
    pub fn fault(&self) -> Option<GzipFault> {
        self.fault
    }

    fn end(&mut self, fault: Option<GzipFault>) -> io::Result<usize> {
        self.fault = fault;
        self.stage = Stage::End;
        Ok(0)
    }

    /// One step: bytes, or `None` where the stage changed and the next step must tell.
    fn step(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Start(mut packed) => {
                let is_gzip = packed.starts_with_magic()?;
                self.stage = if is_gzip { self.member(packed) } else { Stage::Plain(packed) };
                Ok(None)
            }
            Stage::Plain(mut packed) => {
                let count = packed.input.read(out);
                self.stage = Stage::Plain(packed);
                self.inflated_bytes += *count.as_ref().unwrap_or(&0) as u64;
                count.map(Some)
            }
            Stage::Member(decoder) => self.inflate(decoder, out),
            Stage::End => Ok(Some(0)),
        }
    }

    fn member(&mut self, packed: Packed<R>) -> Stage<Packed<R>> {
        self.members += 1;
        Stage::Member(Box::new(GzDecoder::new(packed)))
    }

    fn inflate(
        &mut self,
        mut decoder: Box<GzDecoder<Packed<R>>>,
        out: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match decoder.read(out) {
            Ok(0) => self.between_members(decoder.into_inner()),
            Ok(count) => {
                self.inflated_bytes += count as u64;
                self.packed_bytes = decoder.get_ref().used;
                if self.is_bomb() {
                    return self.end(Some(GzipFault::TooLarge)).map(Some);
                }
                self.stage = Stage::Member(decoder);
                Ok(Some(count))
            }
            Err(_) => match decoder.get_mut().error.take() {
                Some(reading) => Err(reading),
                None => self.end(Some(GzipFault::Broken)).map(Some),
            },
        }
    }

    /// Behind one member: another one, the end, or bytes that do not belong there.
    fn between_members(&mut self, mut packed: Packed<R>) -> io::Result<Option<usize>> {
        if packed.fill_buf()?.is_empty() {
            return self.end(None).map(Some);
        }
        if !packed.starts_with_magic()? {
            return self.end(Some(GzipFault::Trailing)).map(Some);
        }
        self.stage = self.member(packed);
        Ok(None)
    }

    fn is_bomb(&self) -> bool {
        let over_ratio = self.inflated_bytes > self.limits.ratio_free_bytes
            && self.inflated_bytes / self.packed_bytes.max(1) > self.limits.ratio_max;
        self.inflated_bytes > self.limits.bytes_max || over_ratio
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(count) = self.step(out)? {
                return Ok(count);
            }
        }
    }
}

/// The packed bytes: counts what was used, and keeps the reader's own errors apart from the decoder's.
struct Packed<R: Read> {
    input: BufReader<R>,
    used: u64,
    error: Option<io::Error>,
}

impl<R: Read> Packed<R> {
    /// Whether a gzip member starts here.
    fn starts_with_magic(&mut self) -> io::Result<bool> {
        let buffered = self.fill_buf()?;
        if buffered.len() >= 2 || buffered.first() != Some(&MAGIC[0]) {
            return Ok(buffered.starts_with(&MAGIC));
        }
        // A lone 0x1f at the end of the buffer. Nothing but gzip starts with this control character, so the decoder
        // may look at the rest itself; what is no gzip then ends as a broken member.
        Ok(true)
    }
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.used += count as u64;
        Ok(count)
    }
}

impl<R: Read> BufRead for Packed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.input.buffer().is_empty() {
            match self.input.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let copy = io::Error::new(error.kind(), "reading the source failed");
                    self.error = Some(error);
                    return Err(copy);
                }
            }
        }
        Ok(self.input.buffer())
    }

    fn consume(&mut self, count: usize) {
        self.used += count as u64;
        self.input.consume(count);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(bytes: &[u8], limits: InflateLimits) -> (Vec<u8>, u64, Option<GzipFault>) {
        let mut reader = Inflate::new(bytes, limits);
        let mut out = Vec::new();
        reader.read_to_end(&mut out).unwrap();
        (out, reader.members(), reader.fault())
    }

    #[test]
    fn plain_bytes_pass_unchanged() {
        for text in [&b""[..], b"{", b"{}", b"\x1f is no gzip"] {
            let (out, members, fault) = inflate(text, InflateLimits::default());
            assert_eq!((out.as_slice(), members, fault), (text, 0, None));
        }
    }

    #[test]
    fn every_member_is_read() {
        let bytes = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(inflate(&bytes, InflateLimits::default()), (b"one two".to_vec(), 3, None));
    }

    #[test]
    fn trailing_bytes_are_a_fault_and_the_members_before_stay() {
        let bytes = [gzip(b"one"), b"\0\0junk".to_vec()].concat();
        assert_eq!(
            inflate(&bytes, InflateLimits::default()),
            (b"one".to_vec(), 1, Some(GzipFault::Trailing))
        );
    }

    #[test]
    fn cut_or_damaged_streams_keep_what_was_inflated() {
        let whole: Vec<u8> = (0..50_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&whole);
        let (out, _, fault) = inflate(&packed[..packed.len() / 2], InflateLimits::default());
        assert_eq!(fault, Some(GzipFault::Broken));
        assert!(!out.is_empty() && whole.starts_with(&out));
        let mut wrong_checksum = gzip(b"abc");
        let at = wrong_checksum.len() - 6;
        wrong_checksum[at] ^= 1;
        assert_eq!(
            inflate(&wrong_checksum, InflateLimits::default()),
            (b"abc".to_vec(), 1, Some(GzipFault::Broken))
        );
    }

    #[test]
    fn bombs_end_at_the_limits() {
        let bomb = gzip(&vec![b' '; 4 << 20]);
        let limits = InflateLimits { bytes_max: 1 << 20, ..InflateLimits::default() };
        let (out, _, fault) = inflate(&bomb, limits);
        assert_eq!(fault, Some(GzipFault::TooLarge));
        assert!(out.len() < 2 << 20);
        let limits = InflateLimits { ratio_free_bytes: 1 << 20, ..InflateLimits::default() };
        assert_eq!(inflate(&bomb, limits).2, Some(GzipFault::TooLarge));
        assert_eq!(inflate(&bomb, InflateLimits::default()).2, None);
    }

    #[test]
    fn errors_of_the_reader_are_raised_not_noted() {
        struct Failing(bool);
        impl Read for Failing {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("disk on fire"));
                }
                let start = &gzip(b"a longer text that is cut off")[..12];
                out[..start.len()].copy_from_slice(start);
                Ok(start.len())
            }
        }
        let error = Inflate::new(Failing(false), InflateLimits::default()).read_to_end(&mut Vec::new());
        assert_eq!(error.unwrap_err().to_string(), "disk on fire");
    }
}
