//! A copy's paths against the keys that were signed.
//!
//! Digests name objects by bucket and key, and a signature covers both. A copy in a folder has the same tree from some
//! level on: `aws s3 sync s3://bucket/AWSLogs folder` leaves out what stands before, a folder of several buckets adds to
//! it. How a digest's own path differs from its key therefore tells where everything else is that it names. A digest
//! whose path and key differ in any other way was moved.

/// What is cut from the start of a key, or put before it, to make it a path. In a bucket itself: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offset {
    cut: String,
    put: String,
}

impl Offset {
    /// From where a digest was found, and the key that it claims; none where it was moved.
    pub fn between(path: &str, key: &str) -> Option<Offset> {
        if let Some(cut) = key.strip_suffix(path).filter(|cut| cut.is_empty() || cut.ends_with('/')) {
            return Some(Offset { cut: cut.to_owned(), put: String::new() });
        }
        let put = path.strip_suffix(key).filter(|put| put.ends_with('/'))?;
        Some(Offset { cut: String::new(), put: put.to_owned() })
    }

    /// Where a key's object is in the copy; none where it lies outside of what was copied, or where the key would lead
    /// out of a folder.
    pub fn path(&self, key: &str) -> Option<String> {
        let rest = key.strip_prefix(&self.cut)?;
        let leads_out = rest.split('/').any(|part| matches!(part, "" | "." | ".."));
        (!leads_out).then(|| format!("{}{rest}", self.put))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_may_lack_the_start_of_its_keys_or_have_more() {
        let same = Offset::between("a/b/c.gz", "a/b/c.gz").unwrap();
        assert_eq!(same.path("a/x.gz").as_deref(), Some("a/x.gz"));
        let lacks = Offset::between("b/c.gz", "a/b/c.gz").unwrap();
        assert_eq!((lacks.path("a/x.gz").as_deref(), lacks.path("z/x.gz")), (Some("x.gz"), None));
        let has_more = Offset::between("disk/a/b/c.gz", "a/b/c.gz").unwrap();
        assert_eq!(has_more.path("a/x.gz").as_deref(), Some("disk/a/x.gz"));
    }

    #[test]
    fn another_folder_or_name_is_a_move() {
        for (path, key) in
            [("a/d/c.gz", "a/b/c.gz"), ("a/b/d.gz", "a/b/c.gz"), ("b/c.gz", "ab/c.gz"), ("ab/c.gz", "b/c.gz")]
        {
            assert_eq!(Offset::between(path, key), None, "{path} {key}");
        }
    }

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let same = Offset::default();
        for key in ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", ""] {
            assert_eq!(same.path(key), None, "{key}");
        }
    }
}
