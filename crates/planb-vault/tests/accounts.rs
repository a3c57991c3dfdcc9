//! Accounts in a vault: never in the open, and never what a restore fails by.

mod world;

use age::secrecy::ExposeSecret;
use planb_model::{Secret, SiteName};
use planb_ports::progress::NoProgress;
use planb_ports::{Accounts, Repository, RestoreOptions, SnapshotOptions};
use world::World;

async fn backup(world: &World) -> Result<(), &'static str> {
    let options = SnapshotOptions {
        accounts: true,
        ..SnapshotOptions::default()
    };
    let site = SiteName::new("seoul").expect("a name");
    let taken = world.repository();
    let taken = taken.backup(&world.source, "test", &site, &options, &NoProgress);
    taken.await.map(drop).map_err(|e| e.code())
}

#[tokio::test(start_paused = true)]
async fn password_hashes_are_not_stored_where_everybody_can_read_them() {
    let mut world = World::new();
    assert_eq!(backup(&world).await, Err("PB-REPO-USERS-IN-THE-OPEN"));
    assert_eq!(
        world.keys("orders/snapshot/"),
        [""; 0],
        "nothing was written"
    );
    let identity = age::x25519::Identity::generate();
    world.options.recipients = vec![identity.to_public().to_string()];
    world.options.identity = Some(Secret::new(identity.to_string().expose_secret()));
    assert_eq!(backup(&world).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn data_is_restored_also_when_the_users_that_were_asked_for_are_not_there() {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("a", 2).await;
    protection.caught_up().await;
    protection.stop().await;
    let restore = async |accounts| {
        let options = RestoreOptions {
            accounts,
            ..RestoreOptions::default()
        };
        let repository = world.repository();
        let restored = repository.restore(&world.target, &options, &NoProgress);
        restored.await.unwrap_or_else(|e| panic!("{}", e.chain()))
    };
    let report = restore(Accounts::Create).await;
    assert_eq!(world.target.rows(), world.source.rows());
    let users = report.accounts.expect("asked for");
    assert!(users.problems[0].en.contains("without users"), "{users:?}");
    assert_eq!(restore(Accounts::Leave).await.accounts, None);
}
