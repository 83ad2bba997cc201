//! Feeds: where bytes come from. Files and folders; copies of buckets; queues whose messages carry records or name objects; the objects.
//!
//! The traits here are the worker's seams to AWS: the real ones are in [`crate::aws`], those of the simulation in its
//! tests. Nothing here decodes.

pub mod bucket_copy;
pub mod files;
pub mod hashing;
pub mod objects;
pub mod queue;

pub use bucket_copy::BucketCopy;
pub use files::{LogFile, Search};
pub use hashing::Hashing;
pub use objects::{FetchedObject, ObjectError, Objects};
pub use queue::{Depth, Handle, Queue, QueueError, Received};
