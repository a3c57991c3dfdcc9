//! What manifests say about the three criteria, object by object.

use super::Criterion;
use crate::manifests::{Manifests, Object, Place, Pod};
use serde::Serialize;
use std::collections::BTreeSet;

/// How much a piece of evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// It shows the contrary.
    Against,
    /// It is to be looked at; it settles nothing.
    Weak,
    /// It bears the criterion out.
    For,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// Every image is named by its digest.
    Digest,
    /// An image has a fixed tag, which can be moved.
    Tag,
    /// An image has no tag, or `latest`.
    Latest,
    /// A path of the node is mounted.
    HostPath,
    /// The root file system can be written.
    WritableRoot,
    /// A volume that is lost with the pod.
    EmptyDir,
    /// A claim is mounted by a Deployment, whose pods share it.
    ClaimOnDeployment,
    /// A controller keeps it.
    Controller,
    /// A pod nobody keeps.
    BarePod,
    /// A GitOps controller keeps definitions.
    GitOps,
    /// All containers have probes.
    Probes,
    /// A container has none.
    NoProbe,
    /// It is scaled by itself.
    Scaled,
    /// A Deployment that nothing scales.
    NotScaled,
    /// A virtual machine.
    VirtualMachine,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What it is about.
    pub criterion: Criterion,
    /// How much it says.
    pub weight: Weight,
    /// What was found.
    pub what: What,
    /// Kind and name of the object, and what of it.
    pub object: String,
    /// Where.
    pub place: Place,
}

/// What all manifests say about a criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Says {
    /// Nothing, or nothing that settles it.
    Nothing,
    /// It is met.
    Shown,
    /// It is not.
    Contrary,
}

/// One thing against it is enough; for it, something has to speak, and nothing
/// that leaves it open.
pub(super) fn says(all: &[Evidence], criterion: Criterion) -> Says {
    let has = |weight| {
        all.iter()
            .any(|e| e.criterion == criterion && e.weight == weight)
    };
    let open = |e: &Evidence| {
        e.criterion == criterion && matches!(e.what, What::Tag | What::NoProbe | What::NotScaled)
    };
    if has(Weight::Against) {
        Says::Contrary
    } else if has(Weight::For) && !all.iter().any(open) {
        Says::Shown
    } else {
        Says::Nothing
    }
}

/// Whether it is a virtual machine of KubeVirt.
pub(super) fn is_vm(object: &Object) -> bool {
    let group = object.group == "kubevirt.io" || object.group.ends_with(".kubevirt.io");
    group && object.kind.starts_with("VirtualMachine")
        // What only describes or copies one is none.
        && !["Preference", "Instancetype", "Snapshot", "Restore", "Clone", "Export"]
            .iter()
            .any(|part| object.kind.contains(part))
}

/// Everything the manifests say, in their order.
pub(super) fn gather(manifests: &Manifests) -> Vec<Evidence> {
    let scaled: BTreeSet<(&str, &str)> = manifests
        .objects
        .iter()
        .filter(|o| is_scaler(o))
        .filter_map(|o| Some((o.namespace.as_str(), o.scales.as_deref()?)))
        .collect();
    let mut out = Vec::new();
    for object in &manifests.objects {
        let mut found = Found {
            object,
            out: &mut out,
        };
        if is_vm(object) {
            for criterion in [Criterion::ImmutableImage, Criterion::AutomaticOrchestration] {
                found.add(criterion, Weight::Against, What::VirtualMachine, "");
            }
            continue;
        }
        if is_gitops(object) {
            found.add(
                Criterion::DeclarativeDeployment,
                Weight::For,
                What::GitOps,
                "",
            );
        }
        if let Some(pod) = &object.pod {
            images(&mut found, pod);
            mounts(&mut found, pod);
            kept(&mut found);
            let scaled = scaled.contains(&(object.namespace.as_str(), object.name.as_str()));
            orchestrated(&mut found, pod, scaled);
        }
    }
    out
}

struct Found<'o> {
    object: &'o Object,
    out: &'o mut Vec<Evidence>,
}

impl Found<'_> {
    fn add(&mut self, criterion: Criterion, weight: Weight, what: What, part: &str) {
        let object = self.object;
        let gap = if part.is_empty() { "" } else { ": " };
        self.out.push(Evidence {
            criterion,
            weight,
            what,
            object: format!("{} {}{gap}{part}", object.kind, object.name),
            place: object.place.clone(),
        });
    }
}

fn is_scaler(object: &Object) -> bool {
    matches!(
        (object.group.as_str(), object.kind.as_str()),
        ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject")
    )
}

fn is_gitops(object: &Object) -> bool {
    matches!(
        (object.group.as_str(), object.kind.as_str()),
        ("argoproj.io", "Application" | "ApplicationSet")
            | ("kustomize.toolkit.fluxcd.io", "Kustomization")
            | ("helm.toolkit.fluxcd.io", "HelmRelease")
    )
}

/// A service, which is meant to run on; jobs end.
fn runs_on(kind: &str) -> bool {
    matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Pod")
}

fn images(found: &mut Found<'_>, pod: &Pod) {
    let id = Criterion::ImmutableImage;
    let mut all_by_digest = !pod.containers.is_empty();
    for container in &pod.containers {
        let image = container.image.as_str();
        if by_digest(image) {
            continue;
        }
        all_by_digest = false;
        // The tag stands after the last slash; before it a colon is a port.
        let last = image.rsplit('/').next().unwrap_or_default();
        match last.split_once(':') {
            // A digest that is none holds nothing fast.
            Some((_, tag)) if !tag.is_empty() && tag != "latest" && !last.contains('@') => {
                found.add(id, Weight::Weak, What::Tag, image);
            }
            _ => found.add(id, Weight::Against, What::Latest, image),
        }
    }
    if all_by_digest {
        found.add(id, Weight::For, What::Digest, "");
    }
}

fn by_digest(image: &str) -> bool {
    const HEX: usize = 64;
    image.split_once("@sha256:").is_some_and(|(name, digest)| {
        !name.is_empty() && digest.len() == HEX && digest.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn mounts(found: &mut Found<'_>, pod: &Pod) {
    let id = Criterion::ImmutableImage;
    // Agents on every node read its files: that is what a DaemonSet is for.
    let weight = if found.object.kind == "DaemonSet" {
        Weight::Weak
    } else {
        Weight::Against
    };
    for path in &pod.host_paths {
        found.add(id, weight, What::HostPath, path);
    }
    for container in pod
        .containers
        .iter()
        .filter(|c| !c.read_only_root && !c.init)
    {
        found.add(id, Weight::Weak, What::WritableRoot, &container.name);
    }
    for volume in &pod.empty_dirs {
        found.add(id, Weight::Weak, What::EmptyDir, volume);
    }
    if found.object.kind == "Deployment" {
        for claim in &pod.claims {
            found.add(id, Weight::Weak, What::ClaimOnDeployment, claim);
        }
    }
}

fn kept(found: &mut Found<'_>) {
    let id = Criterion::DeclarativeDeployment;
    match found.object.kind.as_str() {
        "Pod" => found.add(id, Weight::Against, What::BarePod, ""),
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            found.add(id, Weight::For, What::Controller, "");
        }
        _ => {}
    }
}

fn orchestrated(found: &mut Found<'_>, pod: &Pod, scaled: bool) {
    let id = Criterion::AutomaticOrchestration;
    let kind = found.object.kind.as_str();
    if !runs_on(kind) {
        return;
    }
    if kind == "Pod" {
        found.add(id, Weight::Against, What::BarePod, "");
        return;
    }
    let running = pod.containers.iter().filter(|c| !c.init);
    let (probed, blind): (Vec<_>, Vec<_>) = running.partition(|c| c.probed);
    for container in &blind {
        found.add(id, Weight::Weak, What::NoProbe, &container.name);
    }
    if blind.is_empty() && !probed.is_empty() {
        found.add(id, Weight::For, What::Probes, "");
    }
    if scaled {
        found.add(id, Weight::For, What::Scaled, "");
    } else if kind == "Deployment" {
        found.add(id, Weight::Weak, What::NotScaled, "");
    }
}
