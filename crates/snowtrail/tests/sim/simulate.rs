//! A seed from its beginning to its end: faulty lives, quiet lives until nothing is left, questions.

use std::sync::Arc;
use std::time::Duration;

use snowtrail::worker::{Limits, Role};

use crate::dice::Dice;
use crate::inputs::{self, Inputs};
use crate::invariants::{self, PROGRESS};
use crate::lake_view::{fresh, look};
use crate::life::{Ends, Plan, live};
use crate::planted::Planted;
use crate::world::{Violation, World};

/// Nothing fails after this time of the world; crashes end lives earlier.
const FAULTS_UNTIL_MS: u64 = 250_000;
/// Lives in which things fail.
const FAULTY_LIVES_MAX: u64 = 10;
/// Lives in which nothing fails, of which each receives what can be seen by then.
const QUIET_LIVES_MAX: u64 = 30;
/// Time between two quiet lives: whatever was hidden is visible again.
const QUIET_PAUSE_MS: u64 = 130_000;

/// How a seed went.
#[derive(Debug)]
pub struct Run {
    /// What was asked of the world and what it answered.
    pub history: Vec<String>,
    /// What was broken.
    pub broken: Option<Violation>,
}

/// Runs a seed, with a bug if one is planted.
pub fn simulate(seed: u64, planted: Option<Planted>) -> Run {
    let world = Arc::new(World::new(seed, planted));
    let inputs = begin(&world);
    let broken = faulty_lives(&world)
        .and_then(|next| quiet_lives(&world, &inputs, next))
        .and_then(|()| questions(&world, &inputs))
        .err();
    let history = std::mem::take(&mut world.state().history);
    Run { history, broken }
}

fn begin(world: &World) -> Inputs {
    let inputs = inputs::send_all(world);
    let dice = world.dice;
    let mut state = world.state();
    let asked = inputs.messages.iter().map(|input| (input.id.clone(), invariants::asked(&inputs, input)));
    state.asked = asked.collect();
    state.messages.receives_max = 4 + u32::try_from(dice.below("receives", 0, 8)).expect("a small number");
    state.heard.by_two = roles(dice).iter().filter(|role| **role != Role::Ingest).count() > 1;
    let closed_from = dice.below("closed from", 0, 150_000);
    state.heard.closed_ms = closed_from..closed_from + dice.one("closed for", 0, &[0, 0, 60_000, 300_000]);
    inputs
}

/// The workers of each faulty life.
fn roles(dice: Dice) -> &'static [Role] {
    use Role::{Both, Detect, Ingest};
    // Detection costs most of a seed's time, so that it does not run in every one.
    const ROLES: [&[Role]; 9] = [
        &[Both],
        &[Both],
        &[Both],
        &[Both],
        &[Both, Both],
        &[Ingest, Ingest, Detect],
        &[Ingest, Detect, Detect],
        &[Ingest],
        &[Ingest, Ingest],
    ];
    dice.one("roles", 0, &ROLES)
}

/// Whether several workers of a seed write events.
pub fn has_rivals(seed: u64) -> bool {
    roles(Dice::new(seed)).iter().filter(|role| **role != Role::Detect).count() > 1
}

fn faulty_lives(world: &Arc<World>) -> Result<u64, Violation> {
    let dice = world.dice;
    let mut number = 0;
    while number < FAULTY_LIVES_MAX && world.state().now_ms() < FAULTS_UNTIL_MS {
        let length = Duration::from_secs(15 + dice.below("length of a life", number, 120));
        let drains = dice.permille("drains", number, 150);
        let plan = Plan {
            number,
            roles: roles(dice).to_vec(),
            pause_ms: 1_000 * dice.below("pause before a life", number, 60),
            ends: if drains { Ends::Drained } else { Ends::After(length) },
            limits: limits(dice),
        };
        live(world, &plan);
        broken(world)?;
        number += 1;
    }
    Ok(number)
}

/// Lives without faults until the queue is empty, then one look at everything.
fn quiet_lives(world: &Arc<World>, inputs: &Inputs, first: u64) -> Result<(), Violation> {
    world.state().quiet = true;
    let mut plan = Plan {
        number: first,
        roles: vec![Role::Ingest],
        pause_ms: QUIET_PAUSE_MS,
        ends: if world.dice.permille("quietly drained", 0, 500) { Ends::Drained } else { Ends::WhenEmpty },
        limits: limits(world.dice),
    };
    while !is_done(world, inputs) {
        if plan.number > first + QUIET_LIVES_MAX {
            return Err(unfinished("the queue is not empty".to_owned()));
        }
        quiet(world, &plan)?;
        plan.number += 1;
    }
    plan.ends = Ends::Drained;
    plan.roles = vec![Role::Both];
    quiet(world, &plan)
}

fn quiet(world: &Arc<World>, plan: &Plan) -> Result<(), Violation> {
    let ended = live(world, plan);
    broken(world)?;
    match ended.into_iter().next().flatten() {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(unfinished(format!("a worker failed: {error:#}"))),
        None => Err(unfinished("a worker died".to_owned())),
    }
}

/// Whether the queue is empty. What is a dead letter and can be read by now is given back once more.
fn is_done(world: &World, inputs: &Inputs) -> bool {
    let mut state = world.state();
    let is_poison = |id: &str| inputs.messages.iter().any(|input| input.id == id && input.is_poison);
    state.messages.redrive(|message| !is_poison(&message.id));
    state.messages.is_empty()
}

fn unfinished(how: String) -> Violation {
    Violation { guarantee: PROGRESS, how }
}

fn broken(world: &World) -> Result<(), Violation> {
    world.state().violation.take().map_or(Ok(()), Err)
}

fn questions(world: &World, inputs: &Inputs) -> Result<(), Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let unreadable = |error: anyhow::Error| unfinished(format!("the lake cannot be read: {error:#}"));
        let seen = look(&world.memory).await.map_err(unreadable)?;
        let now = seen.judged_at.unwrap_or_else(|| world.now());
        let fresh = fresh(inputs, now).await.map_err(unreadable)?;
        let state = world.state();
        invariants::check(inputs, &state.messages.all, &state.heard.keys, &seen, &fresh)
    })
}

/// Bounds as small as the inputs, so that batches, places and patience run out.
fn limits(dice: Dice) -> Limits {
    let seconds = |what: &str, of: &[u64]| Duration::from_secs(dice.one(what, 0, of));
    let messages_in_hand_max = dice.one("messages in hand", 0, &[1, 3, 10, 40]);
    Limits {
        messages_in_hand_max,
        receivers: dice.one("receivers", 0, &[1, 2]),
        visibility: seconds("visibility", &[30, 60, 120]),
        fetches_max: dice.one("fetches", 0, &[1, 4]),
        batch_events_max: dice.one("batch of events", 0, &[3, 10, 1_000]),
        batch_age_max: Duration::from_millis(dice.one("batch age", 0, &[500, 3_000, 7_000])),
        fetch_patience: seconds("patience", &[1, 20, 60]),
        stall_max: seconds("stall", &[60, 300]),
        pause_max: seconds("pause", &[5, 30]),
        sweep_every: seconds("sweep", &[90, 300]),
        look_every: seconds("look", &[30, 120]),
        page_again: seconds("page again", &[15, 40]),
        compact_every: Duration::ZERO,
        // One thread at a time beside the runtime's, and none that waits for it: see `gate`.
        decodes_max: 1,
        pieces_waiting_max: 100_000,
        ..Limits::default()
    }
}
