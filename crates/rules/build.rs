//! The rules, views and hunts are compiled in: build again when one of them changes.
#![expect(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]

fn main() {
    println!("cargo::rerun-if-changed=../../queries");
}
