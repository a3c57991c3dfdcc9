//! The methods, one file each, and the registry with one line each.

mod active_active;
mod authenticity;
pub mod compliance;
mod cost;
mod decisions;
mod gpu;
mod images;
mod operating_model;
mod portfolio;
mod recovery_path;
mod replication;
mod self_diagnosis;
mod traffic;
mod triage;

use crate::method::Method;

/// Every method, in the order `planb assess list` shows them.
pub static METHODS: &[Method] = &[
    Method::of::<self_diagnosis::SelfDiagnosis>(),
    Method::of::<authenticity::Authenticity>(),
    Method::of::<triage::Triage>(),
    Method::of::<operating_model::OperatingModel>(),
    Method::of::<replication::Replication>(),
    Method::of::<traffic::Traffic>(),
    Method::of::<images::Images>(),
    Method::of::<active_active::ActiveActive>(),
    Method::of::<recovery_path::RecoveryPath>(),
    Method::of::<cost::Cost>(),
    Method::of::<compliance::Compliance>(),
    Method::of::<decisions::Decisions>(),
    Method::of::<gpu::Gpu>(),
    Method::of::<portfolio::Portfolio>(),
];

/// The method called `name`.
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}
