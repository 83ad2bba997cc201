//! Files and folders of logs: which files are sources, and their bytes with the SHA-256 of what was read.
//!
//! A file that is named is a source whatever it is called. In a folder, searched recursively, only names that logs
//! have are sources; the rest is skipped and counted. Symbolic links to folders are not followed. Reads no format.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;
use walkdir::WalkDir;

use crate::feed::Hashing;

/// Endings of names that logs have.
const LOG_ENDINGS: [&str; 7] =
    [".json", ".json.gz", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz", ".log.gz"];

/// Folders of CloudTrail's S3 layout that hold other things than event logs.
/// Source: AWS CloudTrail User Guide, "CloudTrail digest file structure".
const DIGEST_FOLDER: &str = "CloudTrail-Digest";

/// Read at a time from a file.
const READ_BYTES: usize = 256 << 10;

/// One file to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// The same as `file://` URL.
    pub uri: Arc<str>,
}

/// What a search for log files found.
#[derive(Debug, Default)]
pub struct Search {
    /// The sources, sorted by path.
    pub files: Vec<LogFile>,
    /// Files that have no log's name.
    pub skipped: u64,
    /// Digest files, which prove logs and are none.
    pub digests: u64,
    /// Paths that cannot be read, and folders without a log: what was done to what.
    pub problems: Vec<String>,
}

impl Search {
    /// Searches files and folders.
    pub fn new(paths: &[PathBuf]) -> Search {
        let mut search = Search::default();
        for path in paths {
            search.add(path);
        }
        search.files.sort_by(|a, b| a.path.cmp(&b.path));
        search.files.dedup();
        search
    }

    fn add(&mut self, path: &Path) {
        match path.metadata() {
            Err(error) => self.problems.push(format!("failed to read `{}`: {error}", path.display())),
            Ok(meta) if meta.is_dir() => self.add_folder(path),
            Ok(_) => self.files.push(log_file(path)),
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let before = self.files.len();
        for entry in WalkDir::new(folder).sort_by_file_name() {
            match entry {
                Err(error) => self.problems.push(format!("failed to search `{}`: {error}", folder.display())),
                Ok(entry) if entry.file_type().is_file() => self.add_found(entry.path()),
                Ok(_) => {}
            }
        }
        if self.files.len() == before {
            self.problems.push(format!(
                "no logs under `{}`: none of its files is named like one ({})",
                folder.display(),
                LOG_ENDINGS.join(", ")
            ));
        }
    }

    fn add_found(&mut self, path: &Path) {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.components().any(|c| c.as_os_str() == DIGEST_FOLDER) {
            self.digests += 1;
        } else if LOG_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            self.files.push(log_file(path));
        } else {
            self.skipped += 1;
        }
    }
}

fn log_file(path: &Path) -> LogFile {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let uri = Url::from_file_path(&path).map_or_else(|()| path.display().to_string(), String::from);
    LogFile { uri: Arc::from(uri), path }
}

impl LogFile {
    /// Opens the file for one pass.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self) -> io::Result<BufReader<File>> {
        Ok(BufReader::with_capacity(READ_BYTES, File::open(&self.path)?))
    }

    /// SHA-256 of the file as it is stored, lowercase hex.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sha256(&self) -> io::Result<String> {
        let mut bytes = Hashing::new(self.open()?);
        io::copy(&mut bytes, &mut io::sink())?;
        Ok(bytes.finish()?.0)
    }

    /// Whether the name is one that CloudTrail gives its log files.
    pub fn has_cloudtrail_name(&self) -> bool {
        self.path.file_name().and_then(|n| n.to_str()).is_some_and(|name| name.contains("_CloudTrail_"))
    }
}
