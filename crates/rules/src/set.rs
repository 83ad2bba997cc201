//! The rules and views at hand: those compiled in, or those of a folder. Hunts are always those compiled in.
//!
//! A folder has the layout of `queries/`: `rules/*.sql`, and optionally `views/*.sql`, which then stand beside the
//! shipped views (same name: instead of them). A folder with `.sql` files directly in it is taken as `rules/`.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use snowtrail_model::policy::RuleParameters;

use crate::error::{Result, RuleError};
use crate::header::{Header, split};
use crate::hunt::Hunt;

static SHIPPED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../queries");

/// One rule: its header and its SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What it declares.
    pub header: Header,
    /// Its SELECT, parameters unbound.
    pub sql: String,
    /// The file, for errors.
    pub file: String,
}

/// Rules and views, by id and by name.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    /// Rules by id.
    pub rules: BTreeMap<String, Rule>,
    /// Views by name: file and SQL.
    pub views: BTreeMap<String, (String, String)>,
    /// What the views' files say before their SQL, by the view's name: what a row is, and what columns mean.
    pub view_comments: BTreeMap<String, String>,
}

impl RuleSet {
    /// The rules and views that are compiled in.
    ///
    /// # Errors
    /// When a shipped file is wrong, which the project's own tests exclude.
    pub fn shipped() -> Result<RuleSet> {
        let mut set = RuleSet::default();
        for (folder, is_rule) in [("views", false), ("rules", true)] {
            for file in SHIPPED.get_dir(folder).into_iter().flat_map(Dir::files) {
                let name = format!("queries/{}", file.path().display());
                if let (true, Some(text)) = (name.ends_with(".sql"), file.contents_utf8()) {
                    set.add(&name, text, is_rule)?;
                }
            }
        }
        Ok(set)
    }

    /// The rules of a folder, over the shipped views.
    ///
    /// # Errors
    /// When the folder cannot be read, holds no rule, or a file is wrong.
    pub fn from_folder(folder: &Path) -> Result<RuleSet> {
        let mut set = RuleSet { rules: BTreeMap::new(), ..RuleSet::shipped()? };
        let nested = folder.join("rules");
        let rules = if nested.is_dir() { nested } else { folder.to_path_buf() };
        set.add_folder(&folder.join("views"), false)?;
        set.add_folder(&rules, true)?;
        if set.rules.is_empty() {
            let message = "holds no rule; a rule is a `.sql` file with a header".to_owned();
            return Err(RuleError::Law { file: folder.display().to_string(), message });
        }
        Ok(set)
    }

    /// The chosen rules, over all views.
    pub fn only(&self, is_chosen: impl Fn(&str) -> bool) -> RuleSet {
        let rules = self.rules.iter().filter(|(id, _)| is_chosen(id));
        RuleSet {
            rules: rules.map(|(id, rule)| (id.clone(), rule.clone())).collect(),
            views: self.views.clone(),
            view_comments: self.view_comments.clone(),
        }
    }

    /// What the policy file may set on these rules.
    pub fn declared(&self) -> Vec<RuleParameters> {
        self.rules.values().map(|rule| rule.header.declared()).collect()
    }

    fn add_folder(&mut self, folder: &Path, is_rule: bool) -> Result<()> {
        let failed = |source| RuleError::Read { path: folder.display().to_string(), source };
        if !is_rule && !folder.is_dir() {
            return Ok(());
        }
        let mut paths = Vec::new();
        for entry in folder.read_dir().map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort();
        for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "sql")) {
            let text = std::fs::read_to_string(path)
                .map_err(|source| RuleError::Read { path: path.display().to_string(), source })?;
            self.add(&path.display().to_string(), &text, is_rule)?;
        }
        Ok(())
    }

    fn add(&mut self, file: &str, text: &str, is_rule: bool) -> Result<()> {
        let stem = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
        let (header, sql) = split(text);
        if !is_rule {
            self.view_comments.insert(stem.clone(), header);
            self.views.insert(stem, (file.to_owned(), sql.to_owned()));
            return Ok(());
        }
        let header = Header::parse(file, &header)?;
        if header.id != stem {
            let message = format!("id `{}` is not the file's name; one of the two must change", header.id);
            return Err(RuleError::Header { file: file.to_owned(), message });
        }
        let rule = Rule { sql: sql.to_owned(), file: file.to_owned(), header };
        self.rules.insert(rule.header.id.clone(), rule);
        Ok(())
    }
}

/// The hunts that are compiled in, by name.
///
/// # Errors
/// When a shipped file is wrong, which the project's own tests exclude.
pub fn shipped_hunts() -> Result<BTreeMap<String, Hunt>> {
    let files = SHIPPED.get_dir("hunts").into_iter().flat_map(Dir::files);
    let texts = files.filter_map(|f| Some((format!("queries/{}", f.path().display()), f.contents_utf8()?)));
    texts.map(|(file, text)| Hunt::parse(&file, text).map(|hunt| (hunt.name.clone(), hunt))).collect()
}

/// The questions that reports ask, by name, whole files.
pub fn shipped_reports() -> BTreeMap<String, &'static str> {
    shipped("reports", "sql")
}

/// The prices that ship, as TOML.
pub fn shipped_prices() -> &'static str {
    shipped("reports", "toml").remove("prices").unwrap_or_default()
}

fn shipped(folder: &str, extension: &str) -> BTreeMap<String, &'static str> {
    let files = SHIPPED.get_dir(folder).into_iter().flat_map(Dir::files);
    files
        .filter(|f| f.path().extension().is_some_and(|e| e == extension))
        .filter_map(|f| {
            let name = f.path().file_stem()?.to_str()?.to_owned();
            Some((name, f.contents_utf8()?))
        })
        .collect()
}
