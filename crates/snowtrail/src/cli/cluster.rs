//! Options of the commands that can run their rules on a cluster.

use clap::Args;

use crate::cluster::{Cluster, Scheduler};

/// Where rules run.
#[derive(Debug, Args)]
pub struct ClusterOptions {
    /// Run the rules on a Ballista 55 cluster (built as deploy/ballista says), by its scheduler: df://host:port. Its executors must reach the lake
    /// under the same address, and write below cluster/ in it
    #[arg(long, value_name = "URL", env = "SNOWTRAIL_CLUSTER")]
    pub cluster: Option<Scheduler>,
    /// Into how many parts the cluster deals out the rows of a stage: about as many as its executors have cores
    #[arg(
        long,
        value_name = "N",
        env = "SNOWTRAIL_CLUSTER_PARTS",
        default_value = "16",
        value_parser = clap::value_parser!(u16).range(1..=4096)
    )]
    pub cluster_parts: u16,
}

impl ClusterOptions {
    /// The cluster, if one was named.
    pub fn cluster(&self) -> Option<Cluster> {
        let scheduler = self.cluster.clone()?;
        Some(Cluster { scheduler, parts: usize::from(self.cluster_parts) })
    }
}
