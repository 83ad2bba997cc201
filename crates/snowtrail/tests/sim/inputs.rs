//! What a seed sends: some two dozen messages of all forms about a few log files and records, and what must become of
//! each.
//!
//! Forged copies differ in what no rule looks at, so that which copy came first changes no finding. Everything is made
//! from the seed; nothing here knows the worker.

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::dice::Dice;
use crate::objects::Stored;
use crate::records::{
    ACCOUNT, READER, SECRETS, bad, by_sns, delivered, log_file, log_key, notification, object_created, read,
    uri_of, uuid, via_cloudtrail,
};
use crate::world::{World, at};

/// The last message arrives by then.
const ARRIVALS_MS: u64 = 90_000;

/// Bytes with records in them.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where they are.
    pub uri: Arc<str>,
    /// As stored.
    pub bytes: Bytes,
    /// SHA-256 of them, lowercase hex.
    pub sha256: String,
    /// Ids of the events in it.
    pub events: Vec<String>,
    /// Bad records in it.
    pub bad: usize,
    /// Whether the name is one of CloudTrail's.
    pub is_log: bool,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// Whether some part of it can never be read.
    pub is_poison: bool,
    /// What it carries or names: indexes into [`Inputs::sources`].
    pub sources: Vec<usize>,
}

/// All that a seed sends.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Messages in the order in which they were made; each arrives at a time of its own.
    pub messages: Vec<Input>,
    /// What they carry or name and can be read.
    pub sources: Vec<Source>,
}

/// Makes the inputs of a seed.
struct Maker {
    dice: Dice,
    inputs: Inputs,
    objects: Vec<(String, Stored)>,
    rolls: u64,
}

/// Makes a world's inputs and puts them there.
pub fn send_all(world: &World) -> Inputs {
    let mut maker = Maker { dice: world.dice, inputs: Inputs::default(), objects: Vec::new(), rolls: 0 };
    maker.make();
    let mut state = world.state();
    state.stored.extend(maker.objects);
    for (n, input) in (0..).zip(&maker.inputs.messages) {
        state.messages.send(&input.id, input.body.clone(), world.dice.below("arrival", n, ARRIVALS_MS));
    }
    maker.inputs
}

impl Maker {
    fn make(&mut self) {
        let events: Vec<Value> = (0..self.between(10, 20)).map(|n| self.event(n, "10.0.3.7")).collect();
        let mut objects = Vec::new();
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (some, others) = rest.split_at(self.count(1, 6).min(rest.len()));
            objects.push(self.object(some, objects.len()));
            rest = others;
        }
        for object in &objects {
            self.notify(*object);
            if self.chance(300) {
                self.notify(*object);
            }
        }
        self.notify_several(&objects);
        self.other_feeds(&events);
        self.forgery();
        self.poison(&objects);
        self.left();
    }

    /// One event, or a forged copy of it.
    fn event(&mut self, number: u64, source_ip: &str) -> Value {
        let dice = self.dice;
        let old = if dice.permille("an old event", number, 150) { 28 * 60 } else { 0 };
        let minutes = dice.below("minutes ago", number, 170) + old;
        let roles = [READER, READER, "Frost-Search-TaskRole", "Ice-Batch-Role"];
        let (role, secret) = (dice.one("role", number, &roles), dice.one("secret", number, &SECRETS));
        let when = at(0) - SignedDuration::from_mins(minutes.cast_signed());
        read(&uuid(1, number), when, role, secret, source_ip)
    }

    /// Stores a log file of these events, with a bad record among them at times.
    fn object(&mut self, events: &[Value], number: usize) -> usize {
        let mut records = events.to_vec();
        let bad_records = usize::from(self.chance(250));
        if bad_records > 0 {
            records.insert(0, bad(number as u64));
        }
        let key = log_key(&format!("n{number}"));
        let source = source(uri_of(&key), log_file(&records), &records, true);
        let (late, forbidden) = (self.chance(200), self.chance(150));
        let from_ms = if late { self.between(50_000, 150_000) } else { 0 };
        let forbidden_ms = if forbidden { 0..self.between(30_000, 150_000) } else { 0..0 };
        let stored =
            Stored { bytes: source.bytes.clone(), version: format!("v{number}"), from_ms, forbidden_ms };
        self.objects.push((source.uri.to_string(), stored));
        self.add(source)
    }

    /// A message about an object, in one of the forms that there are.
    fn notify(&mut self, object: usize) {
        let (key, size) = self.key_of(object);
        let version = format!("v{object}");
        let body = match self.between(0, 5) {
            0 => object_created(&key, size),
            1 => delivered(&key),
            2 => by_sns(&notification(&[(&key, Some(&version), size)])),
            3 => notification(&[(&key, None, size)]),
            _ => notification(&[(&key, Some(&version), size)]),
        };
        self.message(body.to_string(), false, vec![object]);
    }

    /// One message about several objects.
    fn notify_several(&mut self, objects: &[usize]) {
        let several: Vec<usize> = objects.iter().copied().take(3).collect();
        let keys: Vec<(String, usize)> = several.iter().map(|object| self.key_of(*object)).collect();
        let named: Vec<_> = keys.iter().map(|(key, size)| (key.as_str(), None, *size)).collect();
        self.message(notification(&named).to_string(), false, several);
    }

    /// Events that come by EventBridge or in a message itself, some of which also stand in objects.
    fn other_feeds(&mut self, events: &[Value]) {
        for n in 0..self.between(2, 5) {
            let record = if self.chance(600) {
                events[self.count(0, events.len())].clone()
            } else {
                self.event(100 + n, "10.0.3.8")
            };
            self.carry(via_cloudtrail(&record).to_string(), &[record]);
        }
        let mut records = vec![self.event(200, "10.0.3.9"), self.event(201, "10.0.3.9")];
        if self.chance(500) {
            records.push(bad(300));
        }
        self.carry(json!({ "Records": records }).to_string(), &records);
    }

    /// A record with a known identity that says something else.
    fn forgery(&mut self) {
        if self.chance(600) {
            let forged = self.event(0, "203.0.113.66");
            self.carry(via_cloudtrail(&forged).to_string(), &[forged]);
        }
        if self.chance(400) {
            let records = [self.event(1, "203.0.113.67"), self.event(400, "10.0.3.10")];
            let object = self.object(&records, 90);
            let (key, size) = self.key_of(object);
            self.message(notification(&[(&key, None, size)]).to_string(), false, vec![object]);
        }
    }

    /// What can never be read, alone and beside what can.
    fn poison(&mut self, objects: &[usize]) {
        self.message("no message of ours".to_owned(), true, vec![]);
        if self.chance(500) {
            self.message(json!({ "somebody": "else" }).to_string(), true, vec![]);
        }
        let gone = log_key("gone");
        self.message(delivered(&gone).to_string(), true, vec![]);
        let (key, size) = self.key_of(objects[0]);
        let body = notification(&[(&gone, None, 10), (&key, None, size)]);
        self.message(body.to_string(), true, vec![objects[0]]);
    }

    /// What is recognized and left.
    fn left(&mut self) {
        let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-04T09:00:00Z", "Bucket": "b" });
        self.message(test.to_string(), false, vec![]);
        let digest = format!(
            "AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-west-2/2026/03/04/{ACCOUNT}_CloudTrail-Digest_us-west-2_t_us-west-2_20260304T090500Z.json.gz"
        );
        self.message(notification(&[(&digest, None, 10)]).to_string(), false, vec![]);
    }

    /// A message whose own body is a source.
    fn carry(&mut self, body: String, records: &[Value]) {
        let uri = format!("sqs://feed/{}", self.next_id());
        let index = self.add(source(uri, body.clone().into_bytes(), records, false));
        self.message(body, false, vec![index]);
    }

    fn message(&mut self, body: String, is_poison: bool, sources: Vec<usize>) {
        let id = self.next_id();
        self.inputs.messages.push(Input { id, body, is_poison, sources });
    }

    fn next_id(&self) -> String {
        format!("m{:02}", self.inputs.messages.len())
    }

    fn add(&mut self, source: Source) -> usize {
        self.inputs.sources.push(source);
        self.inputs.sources.len() - 1
    }

    fn key_of(&self, object: usize) -> (String, usize) {
        let source = &self.inputs.sources[object];
        let key = source.uri.strip_prefix(&uri_of("")).expect("an object").to_owned();
        (key, source.bytes.len())
    }

    fn between(&mut self, from: u64, to: u64) -> u64 {
        self.rolls += 1;
        from + self.dice.below("making inputs", self.rolls, to - from)
    }

    fn count(&mut self, from: usize, to: usize) -> usize {
        usize::try_from(self.between(from as u64, to as u64)).expect("a small number")
    }

    fn chance(&mut self, permille: u64) -> bool {
        self.between(0, 1_000) < permille
    }
}

fn source(uri: String, bytes: Vec<u8>, records: &[Value], is_log: bool) -> Source {
    let is_good = |record: &&Value| record.get("eventTime").is_some();
    let id = |record: &Value| record["eventID"].as_str().expect("an id").to_owned();
    Source {
        sha256: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        events: records.iter().filter(is_good).map(id).collect(),
        bad: records.len() - records.iter().filter(is_good).count(),
        uri: Arc::from(uri),
        bytes: Bytes::from(bytes),
        is_log,
    }
}
