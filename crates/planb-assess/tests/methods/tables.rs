//! Every cell of the documents' tables that a method uses as a rule, with the
//! section it is from. What the cells lead to is tested beside each method.
//!
//! Sources: D slides, W cases and adoption strategy, V virtualisation and cloud
//! native, DR white paper, P the customer's design.

use planb_assess::find;
use serde_json::Value as Json;

/// The data file of a method as it is written.
fn file(method: &str) -> Json {
    let data = find(method).expect("a method").data;
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(data, options).expect("YAML")
}

/// The value at `path`: keys, or the `id` or place of an item of a list.
fn at<'a>(json: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('/').try_fold(json, |json, key| match json {
        Json::Array(items) => items
            .iter()
            .find(|item| item["id"] == key)
            .or_else(|| key.parse().ok().and_then(|i: usize| items.get(i))),
        _ => json.get(key),
    })
}

/// A cell as text; a text that reads the same in both languages is itself.
fn shown(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        Json::Object(map) => map.get("same").or(map.get("en")).map_or_else(
            || map.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            shown,
        ),
        other => other.to_string(),
    }
}

/// Compares cells, one a line: where it stands in the data file, what the
/// document says, and in which section; names every one that differs.
fn check(method: &str, cells: &str) {
    let data = file(method);
    let mut wrong = Vec::new();
    for line in cells.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let cell: Vec<&str> = line.split(" | ").collect();
        let [path, expected, source] = cell[..] else {
            panic!("{method}: not a cell: {line}");
        };
        let found = at(&data, path).map(shown);
        if found.as_deref() != Some(expected) {
            wrong.push(format!("{path}: {found:?}, {source}: {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{method}:\n{}", wrong.join("\n"));
}

/// The ids of a list, which is complete and in the document's order.
fn ids(method: &str, path: &str) -> String {
    let data = file(method);
    let list = at(&data, path).and_then(Json::as_array).expect("a list");
    let ids: Vec<&str> = list.iter().filter_map(|i| i["id"].as_str()).collect();
    assert_eq!(ids.len(), list.len(), "{path}");
    ids.join(" ")
}

#[test]
fn self_diagnosis_ten_items_by_goal_and_three_reasons() {
    check(
        "self-diagnosis",
        "
        rules/yesToConsider | 6 | D
        rules/goals/0/title | Stable operation | D
        rules/goals/0/items | maintenanceCost stoppedToRecover slowAtPeaks | D 1-3
        rules/goals/1/items | frequentChange newTechnology canBeSplit | D 4-6
        rules/goals/2/items | teamsApart tooComplex | D 7-8
        rules/goals/3/items | littleTooling shorterCycle | D 9-10
        rules/anySize | trafficSwings fastReleases outageIsLoss | W 10.2
        questions/maintenanceCost/source | D item 1 | D
        questions/stoppedToRecover/source | D item 2 | D
        questions/slowAtPeaks/source | D item 3 | D
        questions/frequentChange/source | D item 4 | D
        questions/newTechnology/source | D item 5 | D
        questions/canBeSplit/source | D item 6 | D
        questions/teamsApart/source | D item 7 | D
        questions/tooComplex/source | D item 8 | D
        questions/littleTooling/source | D item 9 | D
        questions/shorterCycle/source | D item 10 | D
        questions/trafficSwings/source | W 10.2 | W 10.2
        questions/fastReleases/source | W 10.2 | W 10.2
        questions/outageIsLoss/source | W 10.2 | W 10.2
        ",
    );
    let ask = file("self-diagnosis")["questions"].clone();
    let ask = shown(&at(&ask, "maintenanceCost").expect("there")["ask"]);
    assert!(ask.contains("15 %"), "D item 1: {ask}");
}

#[test]
fn triage_classes_conditions_and_the_next_twelve_months() {
    check(
        "triage",
        "
        rules/kernelPredicates | kernelModule driver realTimeOs windowsBound osBound | V 11
        rules/containerisableExpected/min | 70 | V 11
        rules/containerisableExpected/max | 90 | V 11
        rules/classes/modernise/condition | can become a container | V 12
        rules/classes/modernise/actions | Build images Set up the GitOps pipeline Scale with HPA or KEDA Bring everything under one management surface | V 12.2.1
        rules/classes/kubevirt/condition | special kernel, driver or OS | V 12
        rules/classes/kubevirt/actions | Move the VMs to KubeVirt Manage them as YAML Retrain the VM team State the container-conversion ratio and its date | V 12.2.1
        rules/classes/keep/condition | extreme latency or IOPS, or hypervisor isolation that nothing else satisfies | V 12
        rules/classes/keep/actions | Write a retention policy Give it to a separate team Prepare the regulatory papers Review Kata or gVisor every year | V 12.2.1
        rules/runtimes/vm | KVM | V 11
        notes/1/text | Overhead of Kata Containers: 5–15 % | V 11.1.2
        questions/workloads/kind/list/fields/overheadTolerable/ask | 5–15 % overhead is tolerable | V 11.1.2
        ",
    );
    assert_eq!(
        ids("triage", "rules/classes"),
        "modernise kubevirt keep undecided"
    );
}

#[test]
fn operating_model_fourteen_items_and_their_four_answers() {
    let items = [
        ("declarative", "V 12.1.1"),
        ("immutableImages", "V 12.1.1"),
        ("autoscaling", "V 12.1.1"),
        ("oneSurface", "V 12.1.1"),
        ("specialShare", "V 12.1.2"),
        ("restContainerisable", "V 12.1.2"),
        ("licenceOutlook", "V 12.1.2"),
        ("newOnVmsNeeded", "V 12.1.2"),
        ("teams", "V 12.1.3"),
        ("monitoringSame", "V 12.1.3"),
        ("securityOnce", "V 12.1.3"),
        ("hypervisorShare", "V 12.1.3"),
        ("haDuplicated", "V 12.1.3"),
        ("kubevirtAbsorbs", "V 12.1.3"),
    ];
    let order: Vec<&str> = items.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids("operating-model", "rules/items"), order.join(" "));
    let data = file("operating-model");
    for (id, source) in items {
        let question = at(&data["questions"], id).expect(id);
        assert_eq!(question["source"], source, "{id}");
        let fields = question["kind"]["group"].as_array().expect("a group");
        let fields: Vec<&str> = fields.iter().filter_map(|f| f["id"].as_str()).collect();
        assert_eq!(fields, ["today", "target", "evidence", "owner"], "{id}");
    }
    check(
        "operating-model",
        "
        rules/items/newOnVmsNeeded/good | no | V 12.1.2
        rules/items/haDuplicated/good | no | V 12.1.3, V 6.1.1
        rules/items/specialShare/usualMax | 30 | V 11: 10-30 % stay VMs
        rules/items/hypervisorShare/usualMax | 20 | V 12.1.3: 20-40 %
        questions/recovery/source | V 6.1.1, V 9.1 | V 9.1
        ",
    );
}

#[test]
fn traffic_three_layers() {
    check(
        "traffic",
        "
        rules/layers/dns/delay | minutes to hours (TTL, resolver caches) | DR 2.2.2
        rules/layers/dns/delaySecondsMin | 60 | DR 2.2.2
        rules/layers/dns/session | weak | DR 2.2.2
        rules/layers/dns/burden | low | DR 2.2.2
        rules/layers/loadBalancer/label | Load balancer (VIP, BGP anycast) | DR 2.2.2
        rules/layers/loadBalancer/delay | seconds | DR 2.2.2
        rules/layers/loadBalancer/delaySecondsMin | 1 | DR 2.2.2
        rules/layers/loadBalancer/session | medium | DR 2.2.2
        rules/layers/loadBalancer/burden | medium | DR 2.2.2
        rules/layers/mesh/delay | under a second | DR 2.2.2
        rules/layers/mesh/delaySecondsMin | 0 | DR 2.2.2
        rules/layers/mesh/session | strong | DR 2.2.2
        rules/layers/mesh/burden | high | DR 2.2.2
        ",
    );
    assert_eq!(ids("traffic", "rules/layers"), "dns loadBalancer mesh");
    // What breaks in a layer is said where the layer is.
    let data = file("traffic");
    for (layer, word) in [
        ("dns", "60 s"),
        ("loadBalancer", "cookies"),
        ("mesh", "mTLS"),
    ] {
        let mind = shown(
            &at(&data, &format!("rules/layers/{layer}/mind"))
                .expect(layer)
                .clone(),
        );
        assert!(mind.contains(word), "DR 2.2.2, {layer}: {mind}");
    }
}

#[test]
fn active_active_four_structures() {
    check(
        "active-active",
        "
        rules/structures/declarative/label | Declarative deployment | DR 2.2.1
        rules/structures/stateless/label | Stateless split from stateful | DR 2.2.1
        rules/structures/mesh/label | Mesh routing over both clusters | DR 2.2.1
        rules/structures/gitops/label | GitOps for both clusters | DR 2.2.1
        rules/structures/mesh/poc | multi-cluster routing with weights | DR 2.2.1
        rules/structures/gitops/poc | one definition for both clusters (ApplicationSet) | DR 2.2.1
        questions/podsReachEachOther/source | DR 2.2.1 | DR 2.2.1 (Submariner)
        ",
    );
    // The four couplings of VM active-active are what is back without each structure.
    let data = file("active-active");
    for (structure, coupling) in [("stateless", "quorum"), ("mesh", "layer 2")] {
        let path = format!("rules/structures/{structure}/without");
        let text = shown(at(&data, &path).expect(structure));
        assert!(text.contains(coupling), "DR 2.1, {structure}: {text}");
    }
    // "A matrix of five candidate workloads × four structures."
    let rows = at(&data, "questions/workloads/example").and_then(Json::as_array);
    assert_eq!(rows.map(Vec::len), Some(5), "DR 2.2.1");
}

#[test]
fn images_patterns_variables_and_agenda() {
    check(
        "images",
        "
        rules/patterns/push/truth | very clear | DR 7.1
        rules/patterns/push/line | at each build | DR 7.1
        rules/patterns/push/conflict | none | DR 7.1
        rules/patterns/push/fits | active-standby | DR 7.1
        rules/patterns/push/burden | low | DR 7.1
        rules/patterns/pull/truth | clear | DR 7.1
        rules/patterns/pull/line | every period, which is the image RPO | DR 7.1
        rules/patterns/pull/conflict | none | DR 7.1
        rules/patterns/pull/fits | separated networks | DR 7.1
        rules/patterns/pull/burden | low | DR 7.1
        rules/patterns/twoWay/truth | shared | DR 7.1
        rules/patterns/twoWay/line | both ways | DR 7.1
        rules/patterns/twoWay/conflict | policy | DR 7.1
        rules/patterns/twoWay/fits | active-active | DR 7.1
        rules/patterns/twoWay/burden | high | DR 7.1
        rules/patterns/cache/truth | clear | DR 7.1
        rules/patterns/cache/line | least, on request | DR 7.1
        rules/patterns/cache/conflict | none | DR 7.1
        rules/patterns/cache/fits | helper only: fails when the truth is down | DR 7.1
        rules/patterns/cache/burden | medium | DR 7.1
        rules/agenda/variables/line | Period, trigger, scope filter, conflict and retry policy | DR 3.2.3 (3)
        rules/agenda/ociInRfp/line | OCI Distribution Specification 1.1 or later is demanded | DR 3.2.3 (4)
        rules/agenda/signing/line | Signature and SBOM are standard steps after each build | DR 3.2.3 (5)
        rules/agenda/admission/mostImportant | true | DR 3.2.3 (6)
        rules/agenda/isms/line | A table maps the six above to change control, malware control and DR integrity | DR 3.2.3 (7)
        questions/scope/example | shop/*, v[0-9]+.[0-9]+.[0-9]+, signed | DR 3.2.2
        ",
    );
    let lists = [
        ("rules/patterns", "push pull twoWay cache", "DR 7.1"),
        (
            "rules/agenda",
            "truthSite changeRights variables ociInRfp signing admission isms",
            "DR 3.2.3",
        ),
        (
            "questions/period/kind/choice",
            "event minutes batch",
            "DR 3.2.2",
        ),
        (
            "questions/conflict/kind/choice",
            "blockTag newest site byHand",
            "DR 3.2.2",
        ),
    ];
    for (path, expected, source) in lists {
        assert_eq!(ids("images", path), expected, "{source}");
    }
}

#[test]
fn replication_categories_matrix_and_policies() {
    check(
        "replication",
        "
        rules/categories/sync/products | Patroni, MySQL Group Replication, Galera | DR 4
        rules/categories/sync/consistency | strong | DR 4
        rules/categories/sync/rpo | 0 | DR 4
        rules/categories/sync/latency | plus the round trip | DR 4
        rules/categories/sync/cutOff | refuses writes without quorum; needs a third site | DR 4
        rules/categories/sync/conflicts | none | DR 4
        rules/categories/sync/difficulty | medium | DR 4
        rules/categories/cdc/products | Debezium + Kafka MirrorMaker 2 | DR 4
        rules/categories/cdc/consistency | eventual | DR 4
        rules/categories/cdc/rpo | ms to minutes (lag) | DR 4
        rules/categories/cdc/latency | local | DR 4
        rules/categories/cdc/cutOff | both sites write | DR 4
        rules/categories/cdc/conflicts | a policy is needed | DR 4
        rules/categories/cdc/difficulty | medium to high | DR 4
        rules/categories/distributed-sql/products | CockroachDB, YugabyteDB, TiDB | DR 4
        rules/categories/distributed-sql/consistency | global strong | DR 4
        rules/categories/distributed-sql/rpo | 0 | DR 4
        rules/categories/distributed-sql/latency | medium | DR 4
        rules/categories/distributed-sql/cutOff | the minority stops | DR 4
        rules/categories/distributed-sql/conflicts | none | DR 4
        rules/categories/distributed-sql/difficulty | high | DR 4
        rules/categories/nosql/products | MongoDB, Cassandra, ScyllaDB | DR 4
        rules/categories/nosql/consistency | per query (LOCAL_QUORUM … EACH_QUORUM) | DR 4
        rules/categories/nosql/rpo | seconds | DR 4
        rules/categories/nosql/latency | low | DR 4
        rules/categories/nosql/cutOff | both sites write | DR 4
        rules/categories/nosql/conflicts | LWW or the application | DR 4
        rules/categories/nosql/difficulty | medium | DR 4
        rules/policies/lww/automation | full | DR 4.2.2
        rules/policies/lww/fit | low (clocks differ) | DR 4.2.2
        rules/policies/lww/data | cache counter time-series | DR 4.2.2
        rules/policies/lww/form | timestamp or sequence | DR 4.2.2
        rules/policies/crdt/automation | full | DR 4.2.2
        rules/policies/crdt/fit | high for types that suit it | DR 4.2.2
        rules/policies/crdt/data | likes tags catalogue session | DR 4.2.2
        rules/policies/crdt/form | GCounter, PNCounter, GSet, ORSet, LWW-Map | DR 4.2.2
        rules/policies/business/automation | low to medium | DR 4.2.2
        rules/policies/business/fit | highest | DR 4.2.2
        rules/policies/business/data | payment stock member audit | DR 4.2.2
        rules/policies/business/form | an automatic rule (stock deductions add up), or a queue for a person | DR 4.2.2
        ",
    );
    let data = file("replication");
    // Sync, CDC, distributed SQL, NoSQL.
    for (kind, fits) in [
        ("transaction", ["true", "false", "new", "false"]),
        ("session", ["false", "true", "possible", "true"]),
        ("log", ["false", "true", "false", "true"]),
        ("analytics", ["false", "true", "new", "true"]),
    ] {
        for (category, fit) in ["sync", "cdc", "distributed-sql", "nosql"].iter().zip(fits) {
            let path = format!("rules/matrix/{kind}/{category}/fit");
            let found = at(&data, &path).map(shown).unwrap_or_default();
            let found = found.replace("yes", "true");
            let found = if found == "no" { "false" } else { &found };
            assert_eq!(found, fit, "DR 4: {kind}, {category}");
        }
    }
}

#[test]
fn recovery_path_both_tables() {
    let seven = [
        ("findBackup", "30m..1h", "yes"),
        ("hardware", "1h..3h", "yes"),
        ("bootOs", "30m..1h", "partly"),
        ("middleware", "1h..2h", "yes"),
        ("applications", "1h..4h", "yes"),
        ("loadData", "1h..3h", "yes"),
        ("network", "1h..3h", "yes"),
    ];
    let three = [
        ("trigger", "30s..5m", "yes"),
        ("sync", "1m..3m", "no"),
        ("switch", "30s..1m", "no"),
    ];
    let data = file("recovery-path");
    for (path, steps, source) in [
        ("virtualised", seven.as_slice(), "DR 6.1"),
        ("cloudNative", &three, "DR 6.2"),
    ] {
        let order: Vec<&str> = steps.iter().map(|(id, ..)| *id).collect();
        assert_eq!(
            ids("recovery-path", &format!("rules/{path}")),
            order.join(" ")
        );
        for (step, time, people) in steps {
            let question = at(&data, &format!("questions/{path}/kind/group/{step}")).expect(step);
            assert_eq!(shown(&question["default"]), *time, "{source}: {step}");
            assert_eq!(question["source"], source, "{step}");
            let needed = at(&data, &format!("rules/{path}/{step}/people")).map(shown);
            let needed = needed
                .unwrap_or_default()
                .replace("true", "yes")
                .replace("false", "no");
            assert_eq!(needed, *people, "{source}: people for {step}");
        }
    }
    check(
        "recovery-path",
        "
        questions/rto/default | 4h | DR 1.2.1
        questions/realEventFactorLow/default | 2 | DR 6.1
        questions/realEventFactorHigh/default | 3 | DR 6.1
        questions/roles/default | 6 | DR 6.1.2
        questions/callOutFactorLow/default | 3 | DR 6.1.2
        questions/callOutFactorHigh/default | 5 | DR 6.1.2
        questions/timesMeasured/source | DR 6.1.2 | DR 6.1.2 (1)
        questions/callOutInRoi/source | DR 6.1.2 | DR 6.1.2 (2)
        questions/drillRunsWhole/source | DR 6.1.2 | DR 6.1.2 (3)
        questions/imagesAtOther/source | W 13 | W 13
        questions/dataAtOther/source | W 13 | W 13
        ",
    );
}

#[test]
fn cost_figures_of_the_documents() {
    check(
        "cost",
        "
        rules/years | 3 5 | V 7
        rules/swings/licenceRise/low | 2 | V 7: 2-10×
        rules/swings/licenceRise/high | 10 | V 7: 2-10×
        rules/swings/licenceReduction/low | 30 | DR 1: 30-60 %
        rules/swings/licenceReduction/high | 60 | DR 1: 30-60 %
        rules/swings/utilisationThen/low | 50 | V 7: 50-70 %
        rules/swings/utilisationThen/high | 90 | DR 1: 70-90 %
        rules/replaceable | pam sms edr secureAccess backupPatch | V 3.1
        questions/sizing/kind/group/utilisationThen/default | 65% | V 7
        questions/tco/kind/group/licenceRise/default | 2 | V 7
        questions/tco/kind/group/licenceReduction/default | 30% | DR 1
        questions/downtime/kind/group/ratePerMinute/default | 9000 | W 8 S20
        questions/osTax/kind/group/osNow/example | 100 | V 3.1
        questions/osTax/kind/group/osThen/example | 10 | V 3.1
        ",
    );
    assert_eq!(
        ids("cost", "rules/categories"),
        "osSubscription pam sms edr secureAccess backupPatch labour",
        "V 3.1: seven categories"
    );
}

#[test]
fn cost_prices_of_the_customers_design() {
    let expected = [
        ("primary", "EKS", 73.0, None),
        ("primary", "4 × t3.medium", 140.0, None),
        ("primary", "RDS Multi-AZ db.t3.medium", 140.0, None),
        ("primary", "ALB", 25.0, None),
        ("primary", "NAT gateway", 45.0, None),
        ("primary", "CloudFront", 10.0, None),
        ("primary", "other", 30.0, None),
        ("standbyAlways", "resource group", 0.0, None),
        ("standbyAlways", "virtual network", 0.0, None),
        ("standbyAlways", "storage 10 GB", 5.0, None),
        ("standbyActive", "MySQL B2s", 50.0, Some(0.07)),
        ("standbyActive", "AKS 4 nodes", 100.0, Some(0.14)),
        ("standbyActive", "Application Gateway v2", 50.0, Some(0.07)),
        ("standbyActive", "public IP", 4.0, Some(0.006)),
    ];
    let data = file("cost");
    let mut found = Vec::new();
    for list in ["primary", "standbyAlways", "standbyActive"] {
        let rows = at(&data, &format!("questions/{list}/example"));
        for row in rows.and_then(Json::as_array).expect("a list") {
            let monthly = row["monthly"].as_f64().expect("a price");
            found.push((list, shown(&row["name"]), monthly, row["hourly"].as_f64()));
        }
    }
    let expected = expected.map(|(list, name, month, hour)| (list, name.to_owned(), month, hour));
    assert_eq!(found, expected, "P (cost)");
}

#[test]
fn gpu_modes_and_figures() {
    check(
        "gpu",
        "
        questions/slices/default | 7 | V 8.2.1: A100
        questions/podsPerTimeSlicedGpu/default | 10 | V 8.2.1: 10-20 pods
        rules/modes/timeSlicing/label | time slicing, with a slight delay | V 8.2.1
        rules/utilisationBefore/low | 20 | V 8.2
        rules/utilisationBefore/high | 30 | V 8.2
        rules/utilisationAfter/low | 60 | V 8.2
        rules/utilisationAfter/high | 80 | V 8.2
        questions/imageTagsOnly/source | W 12.1 | W 12.1
        questions/vectorStoreBackup/source | W 12 | W 12
        ",
    );
    assert_eq!(
        ids("gpu", "rules/modes"),
        "whole mig timeSlicing",
        "V 8.2.1"
    );
}
