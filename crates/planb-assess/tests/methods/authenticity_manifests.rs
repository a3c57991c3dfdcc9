//! `authenticity --manifests`: what manifests say, and what that does to answers.

use crate::authenticity::{DIGEST, HPA, VM, deployment, file, verdict, with};
use planb_assess::{Assessed, manifests};
use serde_json::{Value, json};

/// `criterion weight what` of everything found.
fn about(yaml: &str) -> Vec<String> {
    let found = with(&file("proposal", &[], ""), yaml).outcome;
    let all = found["evidence"].as_array().expect("a list").iter();
    let word = |v: &Value| v.as_str().expect("a word").to_owned();
    all.map(|e| {
        format!(
            "{} {} {}",
            word(&e["criterion"]),
            word(&e["weight"]),
            word(&e["what"])
        )
    })
    .collect()
}

fn web(image: &str, more: &str) -> Vec<String> {
    about(&deployment(image, more))
}

fn volume(source: &str) -> String {
    format!("      volumes: [{{ name: d, {source} }}]\n")
}

fn all_found(cases: &[(Vec<String>, &str)]) {
    for (found, expected) in cases {
        assert!(
            found.iter().any(|f| f == expected),
            "{expected} in {found:?}"
        );
    }
}

#[test]
fn evidence_about_images_is_found() {
    let host = volume("hostPath: { path: /srv }");
    let writable = deployment(DIGEST, "").replace("Filesystem: true", "Filesystem: false");
    let agent = deployment(DIGEST, &host).replace("kind: Deployment", "kind: DaemonSet");
    all_found(&[
        (web(DIGEST, ""), "immutableImage for digest"),
        (web("app:1.2", ""), "immutableImage weak tag"),
        (
            web("registry.example:5000/app", ""),
            "immutableImage against latest",
        ),
        (web("app:latest", ""), "immutableImage against latest"),
        (web("app@sha256:12", ""), "immutableImage against latest"),
        (web(DIGEST, &host), "immutableImage against hostPath"),
        (
            web(DIGEST, &volume("emptyDir: {}")),
            "immutableImage weak emptyDir",
        ),
        (
            web(DIGEST, &volume("persistentVolumeClaim: { claimName: c }")),
            "immutableImage weak claimOnDeployment",
        ),
        (about(&writable), "immutableImage weak writableRoot"),
        (about(&agent), "immutableImage weak hostPath"),
        (about(VM), "immutableImage against virtualMachine"),
    ]);
}

#[test]
fn evidence_about_deployment_and_orchestration_is_found() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ name: c, image: a:1 }] }\n";
    let set = deployment(DIGEST, "").replace("kind: Deployment", "kind: StatefulSet");
    let gitops = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: { name: a }\n";
    let keda = HPA.replace("autoscaling/v2", "keda.sh/v1alpha1");
    let keda = keda.replace("HorizontalPodAutoscaler", "ScaledObject");
    let other = HPA.replace("Deployment, name: web", "Deployment, name: other");
    let blind = deployment(DIGEST, "").replace("livenessProbe", "startupProbe");
    all_found(&[
        (about(&set), "declarativeDeployment for controller"),
        (about(pod), "declarativeDeployment against barePod"),
        (about(gitops), "declarativeDeployment for gitOps"),
        (web(DIGEST, ""), "automaticOrchestration for probes"),
        (web(DIGEST, ""), "automaticOrchestration weak notScaled"),
        (web(DIGEST, HPA), "automaticOrchestration for scaled"),
        (web(DIGEST, &keda), "automaticOrchestration for scaled"),
        (web(DIGEST, &other), "automaticOrchestration weak notScaled"),
        (about(&blind), "automaticOrchestration weak noProbe"),
        (about(VM), "automaticOrchestration against virtualMachine"),
    ]);
}

#[test]
fn objects_are_found_in_lists_jobs_and_later_documents_with_their_place() {
    let job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: { name: j }\nspec: { jobTemplate: { spec: { template: { spec: { containers: [{ name: c, image: a }] } } } } }\n";
    let vm = VM.trim_start_matches("---\n").trim_end();
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}",
        vm.replace('\n', "\n  ")
    );
    all_found(&[
        (about(job), "immutableImage against latest"),
        (about(&list), "immutableImage against virtualMachine"),
    ]);
    let two = format!("# head\n{}{VM}", deployment(DIGEST, ""));
    let found = with(&file("proposal", &[], ""), &two).outcome;
    let all = found["evidence"].as_array().expect("a list");
    let vm = all.iter().find(|e| e["what"] == "virtualMachine");
    let vm = vm.expect("found");
    let place = json!({ "file": "app.yaml", "document": 2, "line": 14 });
    assert_eq!(
        (&vm["place"], &vm["object"]),
        (&place, &json!("VirtualMachine old"))
    );
}

#[test]
fn manifests_beat_a_bare_claim_and_contradict_a_false_one() {
    let bare = [
        ("immutableImage.proposal", "yes"),
        ("immutableImage.proposalEvidence", ""),
    ];
    let proof = |assessed: &Assessed, stage: usize| {
        assessed.outcome["criteria"][0]["stages"][stage].clone()
    };
    assert_eq!(verdict(&file("proposal", &bare, "")), "not-proven");
    let shown = with(&file("proposal", &bare, ""), &deployment(DIGEST, HPA));
    assert_eq!(
        (&shown.outcome["verdict"], proof(&shown, 0)),
        (&json!("cloud-native"), json!("shownByManifests"))
    );
    // A tag settles nothing, whatever else is by digest.
    let both = format!(
        "{}---\n{}",
        deployment(DIGEST, HPA),
        deployment("app:1.2", "")
    );
    assert_eq!(
        with(&file("proposal", &bare, ""), &both).outcome["verdict"],
        "not-proven"
    );
    // The contrary beats a yes with evidence, and is visible.
    let contrary = with(&file("proposal", &[], ""), &deployment("app:latest", HPA));
    assert_eq!(
        (&contrary.outcome["verdict"], proof(&contrary, 0)),
        (&json!("virtualisation"), json!("contradicted"))
    );
    assert_eq!(contrary.outcome["criteria"][0]["contradiction"], true);
    let text = serde_json::to_string(&contrary.report).expect("JSON");
    assert!(
        text.contains("the manifests show the contrary")
            && text.contains("app.yaml:1, line 1 (Deployment web: app:latest)"),
        "{text}"
    );
    // A no that the manifests do not bear out is a difference, and no yes.
    let no = [("immutableImage.proposal", "no")];
    let differs = with(&file("proposal", &no, ""), &deployment(DIGEST, HPA));
    assert_eq!(
        (&differs.outcome["verdict"], proof(&differs, 0)),
        (&json!("not-proven"), json!("differs"))
    );
    // At acceptance a manifest does not stand for an induced failure.
    let last = [("immutableImage.acceptanceEvidence", "")];
    let accepted = with(&file("acceptance", &last, ""), &deployment(DIGEST, HPA));
    assert_eq!(
        (&accepted.outcome["verdict"], proof(&accepted, 2)),
        (&json!("not-proven"), json!("claimed"))
    );
    // Contradictions count at the stage that is reached.
    let later = with(&file("midProject", &[], ""), &deployment("app", HPA));
    assert_eq!(
        (proof(&later, 0), proof(&later, 1)),
        (json!("shown"), json!("contradicted"))
    );
}

#[test]
fn virtual_machines_in_manifests_are_seen_whatever_the_answers_say() {
    let found = with(&file("proposal", &[], ""), VM);
    assert_eq!(found.outcome["verdict"], "virtualisation");
    assert_eq!(found.outcome["bridge"]["contradiction"], true);
    let snapshot = VM
        .replace("kubevirt.io/v1", "snapshot.kubevirt.io/v1")
        .replace("VirtualMachine", "VirtualMachineSnapshot");
    assert_eq!(
        with(&file("proposal", &[], ""), &snapshot).outcome["verdict"],
        "cloud-native"
    );
}

#[test]
fn a_manifest_that_is_none_is_refused_with_file_and_line() {
    let text = manifests::read("a: 1\nb: [\n", "x/y.yaml")
        .expect_err("refused")
        .render(planb_model::Lang::En);
    assert!(
        text.contains("x/y.yaml:") && text.contains("PB-MANIFEST-YAML"),
        "{text}"
    );
    let text = manifests::read(
        "a: {{ .Values.x }}\nb: {{ toYaml . | indent 2 }}\n",
        "t.yaml",
    )
    .expect_err("refused")
    .render(planb_model::Lang::En);
    assert!(text.contains("helm template"), "{text}");
    assert!(
        manifests::read("replicas: 1\n---\n- a\n---\n", "values.yaml")
            .expect("YAML")
            .is_empty()
    );
}
