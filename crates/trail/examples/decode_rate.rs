//! Prints how fast a folder of trails is decoded, and what came out: `decode_rate FOLDER [--repeat N]`.
#![expect(clippy::print_stdout, reason = "a measuring tool for developers, which talks on stdout")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use snowtrail_trail::{Decoded, Decoder, Origin, Scope};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().map_or("testdata", String::as_str);
    let repeat = arguments.get(2).and_then(|count| count.parse().ok()).unwrap_or(1);
    let mut files = Vec::new();
    collect(Path::new(folder), &mut files)?;
    let scope = Scope::shipped();
    let mut decoder = Decoder::new(&scope);
    let started = Instant::now();
    let (mut bytes, mut records, mut events, mut rejects) = (0u64, 0u64, 0u64, BTreeMap::new());
    for path in (0..repeat).flat_map(|_| &files) {
        let summary = decoder.decode(File::open(path)?, Origin::default(), &mut |decoded| match decoded {
            Decoded::Event { event, .. } => drop(event),
            Decoded::Reject(reject) => *rejects.entry(reject.reason.as_str()).or_insert(0u64) += 1,
        })?;
        (bytes, records, events) =
            (bytes + summary.plain_bytes, records + summary.records, events + summary.events);
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = bytes as f64 / seconds / 1e6;
    println!(
        "{} files, {bytes} plain bytes, {records} records, {events} events, rejects {rejects:?}",
        files.len() * repeat
    );
    println!("{seconds:.2} s, {rate:.0} MB/s");
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
