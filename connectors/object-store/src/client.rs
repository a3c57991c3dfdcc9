//! Makes the `object_store` client a URL and its options ask for.

use crate::VaultConfig;
use crate::error::{self, Redactor};
use crate::local;
use crate::remote::{Remote, Signing};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;
use url::Url;

/// A connection to a store that lives takes milliseconds.
const CONNECT_TIMEOUT: &str = "5s";
/// One request carries at most one part; 64 MiB in a minute is a slow uplink.
const REQUEST_TIMEOUT: &str = "60s";
const DEFAULTS: [(ClientConfigKey, &str); 2] = [
    (ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT),
    (ClientConfigKey::Timeout, REQUEST_TIMEOUT),
];
/// The vault retries for as long as it takes and tells the user; in here only
/// hiccups are smoothed.
const RETRIES_MAX: usize = 2;
/// No retry is begun after this.
const RETRY_WINDOW_SECS_MAX: u64 = 10;
const RETRY_PAUSE_MS_MIN: u64 = 50;
const RETRY_PAUSE_MS_MAX: u64 = 1_000;

/// A store, and where in it the vault is.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    /// The directory of a local vault.
    pub(crate) directory: Option<PathBuf>,
    /// For requests `store` has no method for.
    pub(crate) remote: Option<Remote>,
}

pub(crate) fn open(config: &VaultConfig, redactor: &Redactor) -> PortResult<Opened> {
    let url = Url::parse(&config.url).map_err(|e| bad_url(&config.url).source(e))?;
    if url.scheme() == "file" {
        return open_local(&url, config);
    }
    let prefix = Path::from_url_path(url.path()).map_err(|e| bad_url(&config.url).source(e))?;
    use_ring();
    let (store, signing) = build(&url, config)?.map_err(|e| error::config(&e, redactor))?;
    let options = client_options(config);
    let remote = signing.map(|signing| Remote::new(signing, &options));
    Ok(Opened {
        store,
        prefix,
        directory: None,
        remote: remote
            .transpose()
            .map_err(|e| error::config(&e, redactor))?,
    })
}

type Built = (Arc<dyn ObjectStore>, Option<Signing>);

fn build(url: &Url, config: &VaultConfig) -> PortResult<object_store::Result<Built>> {
    Ok(match url.scheme() {
        "az" | "azure" => {
            let builder = MicrosoftAzureBuilder::new()
                .with_url(url.as_str())
                .with_retry(retries());
            let set = MicrosoftAzureBuilder::with_config;
            let built = with_options(builder, config, AzureConfigKey::Client, set)?.build();
            built.map(|store| {
                let store = Arc::new(store);
                (Arc::clone(&store) as _, Some(Signing::Azure(store)))
            })
        }
        "s3" => {
            let builder = AmazonS3Builder::new()
                .with_url(url.as_str())
                .with_retry(retries());
            let set = AmazonS3Builder::with_config;
            let built = with_options(builder, config, AmazonS3ConfigKey::Client, set)?.build();
            built.map(|store| {
                let store = Arc::new(store);
                (Arc::clone(&store) as _, Some(Signing::S3(store)))
            })
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::new()
                .with_url(url.as_str())
                .with_retry(retries());
            let set = GoogleCloudStorageBuilder::with_config;
            let built = with_options(builder, config, GoogleConfigKey::Client, set)?.build();
            built.map(|store| (Arc::new(store) as _, None))
        }
        _ => return Err(bad_url(&config.url)),
    })
}

fn open_local(url: &Url, config: &VaultConfig) -> PortResult<Opened> {
    let directory = url.to_file_path().map_err(|()| bad_url(&config.url))?;
    let given = config.options.keys().chain(config.secret_options.keys());
    if let Some(key) = given.into_iter().next() {
        return Err(bad_option(key));
    }
    Ok(Opened {
        store: Arc::new(local::open(&directory)?),
        prefix: Path::default(),
        directory: Some(directory),
        remote: None,
    })
}

/// How requests of ours are sent: with the same defaults and the same options of
/// the user (proxy, certificates, plain HTTP) as those of the store's client.
fn client_options(config: &VaultConfig) -> ClientOptions {
    let mut options = ClientOptions::new();
    for (key, value) in DEFAULTS {
        options = options.with_config(key, value);
    }
    let plain = config.options.iter().map(|(k, v)| (k, v.as_str()));
    let secret = config.secret_options.iter().map(|(k, v)| (k, v.expose()));
    for (name, value) in plain.chain(secret) {
        if let Ok(key) = ClientConfigKey::from_str(&name.to_ascii_lowercase()) {
            options = options.with_config(key, value);
        }
    }
    options
}

/// Sets our defaults, then what the user gave.
fn with_options<B, K: FromStr>(
    mut builder: B,
    config: &VaultConfig,
    client: fn(ClientConfigKey) -> K,
    set: fn(B, K, String) -> B,
) -> PortResult<B> {
    for (key, value) in DEFAULTS {
        builder = set(builder, client(key), value.to_owned());
    }
    let plain = config.options.iter().map(|(k, v)| (k, v.as_str()));
    let secret = config.secret_options.iter().map(|(k, v)| (k, v.expose()));
    for (name, value) in plain.chain(secret) {
        let key = K::from_str(&name.to_ascii_lowercase()).map_err(|_| bad_option(name))?;
        builder = set(builder, key, value.to_owned());
    }
    Ok(builder)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(RETRY_PAUSE_MS_MIN),
            max_backoff: Duration::from_millis(RETRY_PAUSE_MS_MAX),
            base: 2.0,
        },
        max_retries: RETRIES_MAX,
        retry_timeout: Duration::from_secs(RETRY_WINDOW_SECS_MAX),
    }
}

/// Makes ring the TLS provider of this process, once. reqwest is built without
/// one, and would panic when it finds none.
fn use_ring() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("a TLS provider was installed before ours and stays");
        }
    });
}

fn bad_url(url: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-VAULT-URL",
        format!("'{url}' is not the URL of a vault"),
    )
    .hint(
        "use file:///path, az://container/prefix, s3://bucket/prefix or gs://bucket/prefix",
        "file:///경로, az://컨테이너/접두사, s3://버킷/접두사, gs://버킷/접두사 형식으로 지정하세요",
    )
}

fn bad_option(name: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-VAULT-OPTION",
        format!("this kind of vault has no option '{name}'"),
    )
    .hint(
        "see the options of the store in the documentation of the vault",
        "해당 저장소에서 사용할 수 있는 옵션은 볼트 문서를 참고하세요",
    )
}
