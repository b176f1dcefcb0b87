//! Where tables and files are: a folder of this machine, or a bucket that the environment knows the way to.
//!
//! Addresses, keys and endpoints of stores come from the environment alone: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`
//! and what else `object_store` reads, and [`S3_ENDPOINT`]; for Google's store `GOOGLE_APPLICATION_CREDENTIALS` and the like.

use std::{
    env, path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    local::LocalFileSystem,
};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::{Error, Result};

/// A request must end within; slow lines are shared by all threads.
const REQUEST: &str = "5m";

/// A store that is busy or starts again is asked again for so long: some 15 seconds in all, then whoever waits is told.
fn patience() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 8, retry_timeout: Duration::from_secs(30) }
}

/// Variables that say who we are to S3; without any, there is only the role that AWS gives its own machines.
const S3_CREDENTIALS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];

/// The same for Google's store.
const GS_CREDENTIALS: [&str; 6] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_BEARER_TOKEN",
    "GOOGLE_SKIP_SIGNATURE",
];

/// Variables that may hold the address of an S3 store, the first that is set wins.
pub const S3_ENDPOINT: [&str; 4] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "S3_ENDPOINT"];

/// The same for Google's store.
const GS_ENDPOINT: [&str; 1] = ["GOOGLE_BASE_URL"];

/// A bucket, and what the environment says of the way to it.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its objects.
    pub store: Arc<dyn ObjectStore>,
    /// Where it is looked for, for messages.
    pub place: String,
    /// Whether the environment holds credentials for it. Without, a machine of the cloud may have a role.
    pub has_credentials: bool,
    /// What to do if it cannot be reached.
    pub advice: &'static str,
}

/// The bucket `name` behind `scheme`: `s3` (`s3a` is the same) or `gs`.
///
/// # Errors
/// A text that says what is wrong with the address or the environment.
pub fn bucket(scheme: &str, name: &str) -> Result<Bucket, String> {
    if name.is_empty() {
        return Err("no bucket is named; write s3://bucket/prefix or gs://bucket/prefix".to_owned());
    }
    let (store, place, has_credentials, missing): (object_store::Result<Arc<dyn ObjectStore>>, _, _, _) = match scheme {
        "s3" | "s3a" => {
            let endpoint = endpoint(&S3_ENDPOINT)?;
            let place = match &endpoint {
                Some((name, endpoint)) => format!("at {endpoint} (from {name})"),
                None => "at AWS; another store is named by AWS_ENDPOINT_URL or S3_ENDPOINT".to_owned(),
            };
            let missing = "no credentials are set: put them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (profiles in \
                           ~/.aws are not read)";
            let built = s3(name, endpoint.map(|(_, endpoint)| endpoint)).build();
            (built.map(|store| Arc::new(store) as _), place, any_is_set(&S3_CREDENTIALS), missing)
        }
        "gs" => {
            let endpoint = endpoint(&GS_ENDPOINT)?;
            let place = match &endpoint {
                Some((name, endpoint)) => format!("at {endpoint} (from {name})"),
                None => "at Google; another store is named by GOOGLE_BASE_URL".to_owned(),
            };
            let missing = "no credentials are set: name a key file in GOOGLE_APPLICATION_CREDENTIALS or \
                           GOOGLE_SERVICE_ACCOUNT";
            (gs(name, endpoint.as_ref().map(|(_, endpoint)| endpoint)), place, any_is_set(&GS_CREDENTIALS), missing)
        }
        other => {
            return Err(format!(
                "{other}:// is no place that can be written to; give a folder, s3://bucket/prefix or gs://bucket/prefix"
            ));
        }
    };
    let advice = match has_credentials {
        true => "check the bucket, the endpoint and the credentials in the environment",
        false => missing,
    };
    let store = store.map_err(|cause| format!("{cause}; {advice}"))?;
    Ok(Bucket { store, place, has_credentials, advice })
}

/// The store of a table, and the table's address in it, which ends in a slash.
///
/// `uri` is a folder (also as `file:/…`), `s3://bucket/prefix`, `s3a://…` or `gs://…`.
///
/// # Errors
/// [`Error::Location`].
pub(crate) fn open(uri: &str) -> Result<(Url, Arc<dyn ObjectStore>)> {
    let refused = |reason: String| Error::Location { uri: uri.to_owned(), reason };
    let Some((scheme, rest)) = uri.split_once("://").filter(|(scheme, _)| *scheme != "file") else {
        let folder = uri.strip_prefix("file:").unwrap_or(uri);
        let folder = format!("/{}", folder.trim_start_matches('/'));
        let folder = if uri.starts_with("file:") { folder.as_str() } else { uri };
        let absolute = path::absolute(folder).map_err(|cause| refused(cause.to_string()))?;
        let url = Url::from_directory_path(&absolute).map_err(|()| refused("it is no folder".to_owned()))?;
        return Ok((url, Arc::new(LocalFileSystem::new())));
    };
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = bucket(scheme, name).map_err(refused)?;
    let scheme = if scheme == "s3a" { "s3" } else { scheme };
    let text = match prefix.trim_matches('/') {
        "" => format!("{scheme}://{name}/"),
        prefix => format!("{scheme}://{name}/{prefix}/"),
    };
    let url = Url::parse(&text).map_err(|cause| refused(cause.to_string()))?;
    Ok((url, bucket.store))
}

/// What sends and receives for all writers and tables. Encoding is done by the threads that call.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        // A process that cannot start a thread cannot go on either way.
        #[expect(clippy::expect_used, reason = "there is nobody to tell")]
        Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("downbeat-lake")
            .enable_all()
            .build()
            .expect("threads")
    });
    &RUNTIME
}

/// A variable of the environment that is set to something.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn any_is_set(names: &[&str]) -> bool {
    names.iter().any(|name| set(name).is_some())
}

/// The first of some variables that is set, and the address in it.
fn endpoint<'a>(names: &[&'a str]) -> Result<Option<(&'a str, String)>, String> {
    let Some((name, endpoint)) = names.iter().find_map(|name| Some((*name, set(name)?))) else {
        return Ok(None);
    };
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    match host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace)) {
        true => Ok(Some((name, endpoint))),
        false => Err(format!("{name} is '{endpoint}'; write http://host:port or https://host")),
    }
}

/// Without TLS only where the endpoint says so.
fn allows_http(endpoint: Option<&String>) -> bool {
    endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"))
}

fn s3(bucket: &str, endpoint: Option<String>) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_allow_http(allows_http(endpoint.as_ref()))
        .with_retry(patience());
    if set("AWS_TIMEOUT").is_none() {
        builder = builder.with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST);
    }
    match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint),
        None => builder,
    }
}

/// A store at the address of a folder in a bucket of S3: its empty path is the object whose name is the folder's with a slash, which
/// other paths cannot name.
pub(crate) fn s3_folder(bucket: &str, folder: &object_store::path::Path) -> Result<Arc<dyn ObjectStore>, String> {
    let store = match endpoint(&S3_ENDPOINT)? {
        Some((_, endpoint)) => endpoint,
        None => {
            let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
            format!("https://s3.{}.amazonaws.com", region.as_deref().unwrap_or("us-east-1"))
        }
    };
    let folder = format!("{}/{bucket}/{folder}", store.trim_end_matches('/'));
    let built = s3(bucket, Some(folder)).with_virtual_hosted_style_request(true).with_disable_bulk_delete(true).build();
    Ok(Arc::new(built.map_err(|cause| cause.to_string())?))
}

fn gs(bucket: &str, endpoint: Option<&String>) -> object_store::Result<Arc<dyn ObjectStore>> {
    let allow_http = GoogleConfigKey::Client(ClientConfigKey::AllowHttp);
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(patience())
        .with_config(allow_http, allows_http(endpoint).to_string());
    if set("GOOGLE_TIMEOUT").is_none() {
        builder = builder.with_config(GoogleConfigKey::Client(ClientConfigKey::Timeout), REQUEST);
    }
    Ok(Arc::new(builder.build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_given_in_many_ways() {
        for uri in ["/a/b c", "/a/b c/", "file:/a/b c", "file:///a/b c"] {
            assert_eq!(open(uri).unwrap().0.as_str(), "file:///a/b%20c/", "{uri}");
        }
        assert!(open("lake/events").unwrap().0.path().ends_with("/lake/events/"));
    }

    #[test]
    fn addresses_that_make_no_sense_are_refused() {
        for (uri, said) in [("ftp://x/y", "no place that can be written to"), ("s3:///y", "no bucket is named")] {
            let refused = open(uri).unwrap_err().to_string();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
