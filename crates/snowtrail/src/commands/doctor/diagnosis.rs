//! One thing that was looked at, and what is to be said of it.

/// How bad it is, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Could not be looked at: not allowed, or no answer.
    Unseen,
    /// Works, and will hurt.
    Weak,
    /// Does not work, or is not safe.
    Broken,
}

impl Level {
    /// The level in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Unseen => "unseen",
            Level::Weak => "weak",
            Level::Broken => "broken",
        }
    }
}

/// A row of what `doctor` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The part: queue, bucket, trail, topic, lake, rules, permissions, clock.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was looked at: an address or a name.
    pub object: String,
    /// What was found there.
    pub found: String,
    /// Why it matters; none where all is well.
    pub why: Option<String>,
    /// The command that mends it, its names quoted for a shell; none where all is well.
    pub fix: Option<String>,
}

impl Diagnosis {
    /// All is well.
    pub fn ok(check: &'static str, object: &str, found: impl Into<String>) -> Diagnosis {
        Diagnosis {
            check,
            level: Level::Ok,
            object: object.to_owned(),
            found: found.into(),
            why: None,
            fix: None,
        }
    }

    /// Does not work, or is not safe.
    pub fn broken(
        check: &'static str,
        object: &str,
        found: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) -> Diagnosis {
        let (why, fix) = (Some(why.to_owned()), Some(fix.into()));
        Diagnosis { level: Level::Broken, why, fix, ..Diagnosis::ok(check, object, found) }
    }

    /// Works, and will hurt.
    pub fn weak(
        check: &'static str,
        object: &str,
        found: impl Into<String>,
        why: &str,
        fix: impl Into<String>,
    ) -> Diagnosis {
        Diagnosis { level: Level::Weak, ..Diagnosis::broken(check, object, found, why, fix) }
    }

    /// Could not be looked at; `action` is what IAM would have to allow.
    pub fn unseen(
        check: &'static str,
        object: &str,
        said: &dyn std::fmt::Display,
        action: &str,
    ) -> Diagnosis {
        let why = "what is not looked at may be broken";
        let fix =
            format!("allow {action} to whoever runs doctor (deploy/operator-policy.json), and run it again");
        Diagnosis {
            level: Level::Unseen,
            ..Diagnosis::broken(check, object, format!("could not be seen: {said}"), why, fix)
        }
    }
}
