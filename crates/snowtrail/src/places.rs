//! The places that pages go to, opened by name: the terminal, a file, a topic.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use snowtrail_page::{Message, Publish, PublishError, PublishFuture, PublishTarget};

use crate::aws::Aws;
use crate::aws::sns::SnsTopic;
use crate::output;

/// Opens places by name.
pub trait Places: Send + Sync {
    /// The place with this name.
    ///
    /// # Errors
    /// When such a place cannot be reached from here.
    fn open(&self, target: &PublishTarget) -> anyhow::Result<Arc<dyn Publish>>;
}

/// The real ones. Topics are opened once.
#[derive(Default)]
pub struct RealPlaces {
    aws: Option<Aws>,
    topics: Mutex<HashMap<String, Arc<SnsTopic>>>,
}

impl RealPlaces {
    /// With topics reached through `aws`, where there is need of any.
    pub fn new(aws: Option<Aws>) -> RealPlaces {
        RealPlaces { aws, topics: Mutex::default() }
    }

    /// The real ones for a command whose pages go to `target`: only topics ask for AWS credentials.
    pub async fn for_target(target: &PublishTarget) -> RealPlaces {
        match target {
            PublishTarget::Topic(_) => RealPlaces::new(Some(Aws::load().await)),
            PublishTarget::Stdout | PublishTarget::File(_) => RealPlaces::new(None),
        }
    }

    /// A topic.
    ///
    /// # Errors
    /// When there is no way to AWS.
    pub fn topic(&self, arn: &str) -> anyhow::Result<Arc<SnsTopic>> {
        let aws =
            self.aws.as_ref().ok_or_else(|| anyhow::anyhow!("topic `{arn}` cannot be reached from here"))?;
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(arn.to_owned()).or_insert_with(|| Arc::new(SnsTopic::new(aws, arn)));
        Ok(Arc::clone(topic))
    }
}

impl Places for RealPlaces {
    fn open(&self, target: &PublishTarget) -> anyhow::Result<Arc<dyn Publish>> {
        match target {
            PublishTarget::Stdout => Ok(Arc::new(Stdout)),
            PublishTarget::File(path) => Ok(Arc::new(AppendTo(path.clone()))),
            PublishTarget::Topic(arn) => Ok(self.topic(arn)?),
        }
    }
}

/// Prints pages.
struct Stdout;

impl Publish for Stdout {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(async move { output::data(&framed(message)).map_err(|error| passing(message, error)) })
    }
}

/// Appends pages to a file.
struct AppendTo(String);

impl Publish for AppendTo {
    fn publish<'a>(&'a self, message: &'a Message) -> PublishFuture<'a> {
        Box::pin(async move {
            let file = OpenOptions::new().create(true).append(true).open(&self.0);
            let written = file.and_then(|mut file| {
                file.write_all(framed(message).as_bytes())?;
                file.sync_data()
            });
            written.map_err(|error| passing(message, error))
        })
    }
}

/// The body between rules, so that pages in one stream are told apart.
fn framed(message: &Message) -> String {
    format!("{}\n{}\n", "─".repeat(80), message.body.trim_end())
}

fn passing(message: &Message, error: std::io::Error) -> PublishError {
    PublishError::Passing { dedupe_key: message.dedupe_key.clone(), source: Box::new(error) }
}
