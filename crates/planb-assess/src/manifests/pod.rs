//! What an object says about its pods.

use super::{Container, Pod, at, items, text};
use planb_model::plan::tree::{Node, Value};

/// The pods of an object of this kind.
pub(super) fn of(node: &Node, kind: &str) -> Option<Pod> {
    let path: &[&str] = match kind {
        "Pod" => &["spec"],
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => return None,
    };
    let spec = at(node, path)?;
    let mut pod = Pod::default();
    for (key, init) in [("initContainers", true), ("containers", false)] {
        let all = items(spec, &[key]);
        pod.containers
            .extend(all.iter().map(|c| container(c, init)));
    }
    for volume in items(spec, &["volumes"]) {
        let name = text(volume, &["name"]);
        if at(volume, &["hostPath"]).is_some() {
            pod.host_paths.push(text(volume, &["hostPath", "path"]));
        }
        if at(volume, &["emptyDir"]).is_some() {
            pod.empty_dirs.push(name);
        }
        if at(volume, &["persistentVolumeClaim"]).is_some() {
            pod.claims
                .push(text(volume, &["persistentVolumeClaim", "claimName"]));
        }
    }
    Some(pod)
}

fn container(node: &Node, init: bool) -> Container {
    let there = |key| at(node, &[key]).is_some_and(|n| n.value != Value::Null);
    let read_only = at(node, &["securityContext", "readOnlyRootFilesystem"]);
    Container {
        name: text(node, &["name"]),
        image: text(node, &["image"]),
        init,
        probed: there("livenessProbe") || there("readinessProbe"),
        read_only_root: matches!(read_only.map(|n| &n.value), Some(Value::Bool(true))),
    }
}
