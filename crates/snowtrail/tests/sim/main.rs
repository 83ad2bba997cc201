//! The seeded simulation of faults: the real worker and real Delta tables among edges that fail as a seed says, and the
//! guarantees asked for at the end.
//!
//! ```text
//! seed → inputs, faults → lives (crash, stop, two at once) → quiet lives → invariants
//! ```
//! Reading order: [`dice`], [`faults`] (what fails), [`gate`] (in which order), [`world`] (what outlives a crash), the
//! edges ([`queue`], [`objects`], [`store`], [`places`]), [`durable`] (what the lake holds meanwhile), [`inputs`] and
//! [`records`] (what is sent), [`rules`], [`life`], [`simulate`], [`lake_view`] and [`invariants`] (the questions),
//! [`planted`] (the test of the test).
//!
//! - `SNOWTRAIL_SIM_SEED=123` runs one seed and prints its history.
//! - `SNOWTRAIL_SIM_SEEDS=100000` runs so many.
//! - `testdata/sim/seeds.txt` has the seeds that once found something; they always run.
//!
//! Not simulated: AWS's wire formats (the emulator's tests are for that), threads, and time that passes while code runs.
#![expect(clippy::print_stderr, reason = "seeds are told as they fail")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod dice;
mod durable;
mod faults;
mod gate;
mod inputs;
mod invariants;
mod lake_view;
mod life;
mod objects;
mod places;
mod planted;
mod queue;
mod records;
mod rules;
mod simulate;
mod store;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use planted::Planted;
use simulate::{Run, has_rivals, simulate};

/// As in the binary: planning queries makes and drops a great many small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds of one run in CI.
const SEEDS: u64 = 500;
/// Seeds among which each planted bug must be noticed.
const SEEDS_FOR_A_BUG: usize = 60;
/// Seeds of which each is run twice.
const SEEDS_TWICE: u64 = 24;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, and is `{text}`")))
}

/// Runs `work` for each of these, on all cores.
fn on_all_cores(items: &[u64], work: impl Fn(u64) + Sync) {
    without_caught_panics();
    let next = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(item) =
                    usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok().and_then(|n| items.get(n))
                {
                    work(*item);
                }
            });
        }
    });
}

/// Delta's writer aborts an upload that failed at its end by a panic, catches it, and gives the error. Nothing to see.
fn without_caught_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| {
                at.file().ends_with("/src/buffered.rs") && at.file().contains("object_store")
            }) {
                told(info);
            }
        }));
    });
}

fn told(seed: u64, run: &Run) -> Option<String> {
    let broken = run.broken.as_ref()?;
    Some(format!("seed {seed} broke `{}`: {}", broken.guarantee, broken.how))
}

/// Fails with every seed that broke something, and with the history of the first.
fn hold(seeds: &[u64]) {
    let failures = Mutex::new(Vec::new());
    let started = Instant::now();
    on_all_cores(seeds, |seed| {
        let run = simulate(seed, None);
        if let Some(told) = told(seed, &run) {
            eprintln!("{told}");
            failures.lock().expect("no panic").push((seed, told, run.history));
        }
    });
    let per_second = seeds.len() as f64 / started.elapsed().as_secs_f64();
    eprintln!("{} seeds, {per_second:.1} a second", seeds.len());
    let mut failures = failures.into_inner().expect("no panic");
    failures.sort_unstable_by_key(|(seed, ..)| *seed);
    if let Some((seed, _, history)) = failures.first() {
        let all: Vec<&str> = failures.iter().map(|(_, told, _)| told.as_str()).collect();
        panic!("{}\nthe history of seed {seed}:\n{}", all.join("\n"), history.join("\n"));
    }
}

#[test]
fn the_guarantees_hold_over_faults_of_every_kind() {
    if let Some(seed) = number("SNOWTRAIL_SIM_SEED") {
        // What the worker says about itself goes to stderr, above the history.
        let worker = tracing_subscriber::EnvFilter::new("snowtrail=info");
        tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_env_filter(worker)
            .with_writer(std::io::stderr)
            .init();
        let run = simulate(seed, None);
        println!("{}", run.history.join("\n"));
        println!("{}", told(seed, &run).unwrap_or_else(|| format!("seed {seed} holds")));
        assert_eq!(run.broken, None);
        return;
    }
    let seeds: Vec<u64> = (0..number("SNOWTRAIL_SIM_SEEDS").unwrap_or(SEEDS)).collect();
    hold(&seeds);
}

#[test]
fn seeds_that_once_found_something_hold() {
    let lines = include_str!("../../../../testdata/sim/seeds.txt").lines();
    let numbers =
        lines.filter_map(|line| line.split('#').next().map(str::trim).filter(|text| !text.is_empty()));
    hold(&numbers.map(|text| text.parse().expect("a seed")).collect::<Vec<u64>>());
}

#[test]
fn a_seed_has_one_history() {
    let seeds: Vec<u64> = (0..SEEDS_TWICE).collect();
    on_all_cores(&seeds, |seed| {
        let (once, again) = (simulate(seed, None), simulate(seed, None));
        let differs = once.history.iter().zip(&again.history).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let around =
                |run: &Run| run.history[at.saturating_sub(5)..].iter().take(8).cloned().collect::<Vec<_>>();
            panic!("seed {seed} differs at line {at}:\n{:#?}\n{:#?}", around(&once), around(&again));
        }
        assert_eq!(once.history.len(), again.history.len(), "seed {seed}: one history is longer");
    });
}

#[test]
fn every_planted_bug_is_noticed() {
    let numbers: Vec<u64> = (0..Planted::ALL.len() as u64).collect();
    on_all_cores(&numbers, |number| {
        let (bug, guarantees) = Planted::ALL[usize::try_from(number).expect("an index")];
        let seeds = (0..).filter(|seed| !bug.needs_rivals() || has_rivals(*seed)).take(SEEDS_FOR_A_BUG);
        let noticed = seeds.into_iter().find_map(|seed| Some((seed, simulate(seed, Some(bug)).broken?)));
        let (seed, broken) =
            noticed.unwrap_or_else(|| panic!("nobody noticed {bug:?} in {SEEDS_FOR_A_BUG} seeds"));
        eprintln!("{bug:?}: seed {seed} broke `{}`: {}", broken.guarantee, broken.how);
        assert!(
            guarantees.contains(&broken.guarantee),
            "{bug:?} broke `{}`: {}",
            broken.guarantee,
            broken.how
        );
    });
}
