//! From what `--lake` says to an opened lake: a folder, or a prefix in S3.

use snowtrail_lake::{Access, Lake, Location};

use crate::aws::Aws;
use crate::aws::lake_store::lake_store;

/// Finds the place that an address names. Only an `s3://` address asks for AWS credentials.
///
/// # Errors
/// When the address is none, or the store behind it cannot be set up.
pub async fn locate(uri: &str) -> anyhow::Result<Location> {
    if !uri.starts_with("s3://") {
        return Ok(Location::folder(uri)?);
    }
    let aws = Aws::load().await;
    Ok(Location::in_store(uri, lake_store(&aws, uri)?)?)
}

/// Opens the lake that an address names.
///
/// # Errors
/// When there is none, or none that this version can use.
pub async fn open(uri: &str, access: Access) -> anyhow::Result<Lake> {
    Ok(Lake::open_at(locate(uri).await?, access).await?)
}
