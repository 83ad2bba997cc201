//! The parts that every report is put together from, with what most of them leave out left out.

use snowtrail_report::{Block, Fact, Section, Table, Value};

/// A fact.
pub fn fact(name: &str, value: Value, basis: &str) -> Fact {
    Fact { name: name.to_owned(), value, basis: basis.to_owned() }
}

/// A section.
pub fn section(title: &str, note: &str, blocks: Vec<Block>) -> Section {
    Section { title: title.to_owned(), note: note.to_owned(), blocks }
}

/// A table whose section says its title.
pub fn untitled(table: Table) -> Table {
    Table { title: String::new(), ..table }
}
