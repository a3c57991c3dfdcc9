//! Where a vault is, with its secrets read.

use planb_model::Secret;
use std::collections::BTreeMap;

/// Address of a vault. `planb_model::plan::VaultAddress` with every secret
/// reference resolved; `Debug` shows no secret.
#[derive(Debug, Clone, Default)]
pub struct VaultConfig {
    /// `file:///path`, `az://container/prefix`, `s3://bucket/prefix` or `gs://bucket/prefix`.
    pub url: String,
    /// Options by their `object_store` names, such as `azure_storage_endpoint`,
    /// `aws_region` or `allow_http`. None for `file:`.
    pub options: BTreeMap<String, String>,
    /// Options whose values must never be shown, such as `azure_storage_account_key`.
    pub secret_options: BTreeMap<String, Secret>,
}
