//! Opens the vault and the database that a verb names on its command line.

use crate::cli::{DatabaseArgs, VaultArgs};
use crate::error::{CliError, CliResult, Exit};
use planb_connector_system::{SystemClock, SystemDisk, SystemRandom};
use planb_model::plan::{self, DatabaseAddress, VaultAddress};
use planb_model::{SecretRef, ServiceName, SiteName};
use planb_ports::{Clock, Database, SnapshotMethod, SnapshotOptions};
use planb_server::wiring;
use planb_vault::{VaultOptions, VaultRepository};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Variable with the password of the database.
const PASSWORD_VARIABLE: &str = "PLANB_DATABASE_PASSWORD";
/// Who writes to a vault without a control plane, in claims.
const SITE: &str = "standalone";

/// Variables of the clouds' own tools that are taken as options of a store,
/// when the options do not say otherwise: scheme, variable, option.
const STORE_VARIABLES: &[(&str, &str, &str)] = &[
    ("az", "AZURE_STORAGE_ACCOUNT", "azure_storage_account_name"),
    (
        "az",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "azure_storage_account_name",
    ),
    ("az", "AZURE_STORAGE_KEY", "azure_storage_account_key"),
    (
        "az",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "azure_storage_account_key",
    ),
    ("az", "AZURE_STORAGE_SAS_TOKEN", "azure_storage_sas_token"),
    ("az", "AZURE_STORAGE_ENDPOINT", "azure_storage_endpoint"),
    ("az", "AZURE_CLIENT_ID", "azure_client_id"),
    ("az", "AZURE_CLIENT_SECRET", "azure_client_secret"),
    ("az", "AZURE_TENANT_ID", "azure_tenant_id"),
    ("s3", "AWS_ACCESS_KEY_ID", "aws_access_key_id"),
    ("s3", "AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"),
    ("s3", "AWS_SESSION_TOKEN", "aws_session_token"),
    ("s3", "AWS_REGION", "aws_region"),
    ("s3", "AWS_DEFAULT_REGION", "aws_region"),
    ("s3", "AWS_ENDPOINT_URL", "aws_endpoint"),
    (
        "gs",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "google_application_credentials",
    ),
];

/// A vault that was named on the command line.
pub struct OpenVault {
    /// Its repository.
    pub repository: VaultRepository,
    /// The folder in it.
    pub service: ServiceName,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Opens the vault. Nothing is read yet.
pub async fn open_vault(args: &VaultArgs, options: VaultOptions) -> CliResult<OpenVault> {
    let service = ServiceName::new(args.service.as_str()).map_err(|error| {
        let name = &args.service;
        CliError::new(
            Exit::Usage,
            "PB-SERVICE-NAME",
            format!("'{name}' is not a service: {error}"),
            format!("'{name}'은(는) 서비스 이름이 아닙니다: {error}"),
        )
        .hint(
            "use lower-case letters, digits and '-'",
            "영문 소문자, 숫자, '-'만 사용하세요",
        )
    })?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let parts = wiring::VaultParts {
        clock: Arc::clone(&clock),
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
    };
    let address = vault_address(args)?;
    let repository = wiring::open_vault(&address, service.clone(), options, parts).await?;
    Ok(OpenVault {
        repository,
        service,
        clock,
    })
}

fn vault_address(args: &VaultArgs) -> CliResult<VaultAddress> {
    let mut options = BTreeMap::new();
    for given in &args.vault_options {
        let (name, value) = pair(given)?;
        options.insert(name.to_owned(), value.to_owned());
    }
    let mut secrets = BTreeMap::new();
    for given in &args.vault_secrets {
        let (name, reference) = pair(given)?;
        secrets.insert(name.to_owned(), secret_reference(reference)?);
    }
    let scheme = args.vault.split("://").next().unwrap_or_default();
    let scheme = match scheme {
        "azure" | "abfss" => "az",
        other => other,
    };
    for (of, variable, option) in STORE_VARIABLES {
        let given = options.contains_key(*option) || secrets.contains_key(*option);
        if *of == scheme && !given && std::env::var_os(variable).is_some() {
            let reference = SecretRef::Env((*variable).to_owned());
            secrets.insert((*option).to_owned(), reference);
        }
    }
    let identity = args.identity.clone().map(SecretRef::File);
    let address = plan::vault_address(&args.vault, options, secrets, &args.recipients, identity)?;
    Ok(VaultAddress {
        signing_key: args.signing_key.clone().map(SecretRef::File),
        trusted_signers: args.trusted_signers.clone(),
        ..address
    })
}

fn pair(text: &str) -> CliResult<(&str, &str)> {
    text.split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(|| {
            // The text is not shown: it may be a secret that lost its name.
            CliError::new(
                Exit::Usage,
                "PB-CLI-OPTION",
                "an option of the vault is not NAME=VALUE",
                "볼트 옵션이 NAME=VALUE 형식이 아닙니다",
            )
        })
}

fn secret_reference(text: &str) -> CliResult<SecretRef> {
    match text.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Ok(SecretRef::Env(name.to_owned())),
        Some(("file", path)) if !path.is_empty() => Ok(SecretRef::File(path.into())),
        _ => Err(CliError::new(
            Exit::Usage,
            "PB-CLI-SECRET",
            "a secret option of the vault is not a reference",
            "볼트의 비밀 옵션이 참조 형식이 아닙니다",
        )
        .hint(
            "write NAME=env:VARIABLE or NAME=file:/path; what stood here is in the process list, so change it",
            "NAME=env:변수 또는 NAME=file:/경로 형식으로 적으세요. 방금 입력한 값은 프로세스 목록에 노출되었으니 변경하세요",
        )),
    }
}

/// A database that was named on the command line.
pub struct OpenDatabase {
    /// The port.
    pub database: Arc<dyn Database>,
    /// What it is called in claims and messages; no secret, no user.
    pub name: String,
}

/// Connects the database at `url`. Nothing is sent to it yet.
pub async fn open_database(url: &str, access: &DatabaseArgs) -> CliResult<OpenDatabase> {
    let password = match &access.password_file {
        Some(path) => Some(SecretRef::File(path.clone())),
        None => std::env::var_os(PASSWORD_VARIABLE)
            .map(|_| SecretRef::Env(PASSWORD_VARIABLE.to_owned())),
    };
    let address = plan::database_address(url, password)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Ok(OpenDatabase {
        database: wiring::connect_database(&address, clock, &SystemDisk).await?,
        name: name_of(&address),
    })
}

fn name_of(address: &DatabaseAddress) -> String {
    match address {
        DatabaseAddress::Sqlite { path } => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("sqlite:{}", path.display())
        }
        DatabaseAddress::Server {
            engine,
            host,
            port,
            databases,
            ..
        } => format!("{engine}://{host}:{port}/{}", databases.join(",")),
    }
}

/// The site of claims made without a plan.
pub fn site() -> CliResult<SiteName> {
    SiteName::new(SITE).map_err(|e| CliError::io("name a site", "사이트 이름을 지정", e))
}

/// How snapshots of the database at `url` are asked for. Without a plan, that is the
/// only place that can say whether files may be replaced.
pub fn snapshot_options(args: crate::cli::SnapshotArgs, url: &str) -> SnapshotOptions {
    // One that cannot be read is refused where it is opened.
    let takes_files = plan::database_address(url, None).is_ok_and(|url| url.takes_files());
    SnapshotOptions {
        connections: args.snapshot_connections.into(),
        method: match (args.physical, args.logical) {
            (true, _) => SnapshotMethod::Physical,
            (_, true) => SnapshotMethod::Logical,
            _ => SnapshotMethod::Auto,
        },
        accounts: args.with_users,
        target_takes_files: takes_files,
    }
}

/// Reads a duration of the command line.
pub fn duration(text: &str) -> CliResult<Duration> {
    Ok(plan::duration_of(text)?)
}

/// Reads a size of the command line.
pub fn size(text: &str) -> CliResult<u64> {
    Ok(plan::size_of(text)?)
}
