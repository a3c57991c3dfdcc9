//! Golden tests: the rules of each method against the tables of the documents.

#[path = "methods/active_active.rs"]
mod active_active;
#[path = "methods/authenticity.rs"]
mod authenticity;
#[path = "methods/authenticity_manifests.rs"]
mod authenticity_manifests;
#[path = "methods/compliance.rs"]
mod compliance;
#[path = "methods/cost.rs"]
mod cost;
#[path = "methods/decisions.rs"]
mod decisions;
#[path = "methods/gpu.rs"]
mod gpu;
#[path = "methods/images.rs"]
mod images;
#[path = "methods/operating_model.rs"]
mod operating_model;
#[path = "methods/portfolio.rs"]
mod portfolio;
#[path = "methods/recovery_path.rs"]
mod recovery_path;
#[path = "methods/replication.rs"]
mod replication;
#[path = "methods/same_run.rs"]
mod same_run;
#[path = "methods/self_diagnosis.rs"]
mod self_diagnosis;
mod support;
#[path = "methods/tables.rs"]
mod tables;
#[path = "methods/traffic.rs"]
mod traffic;
#[path = "methods/triage.rs"]
mod triage;
