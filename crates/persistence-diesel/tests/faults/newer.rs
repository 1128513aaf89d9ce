//! Migrations of a newer release: they say whether releases that do not know them may serve.

use std::fs;

use order_app::errors::chain;
use order_app::ports::{Extent, OrderChange};
use order_testkit::databases::{self, Database};
use order_testkit::examples::{a_change_placing, a_new_order, a_saga, soon};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;

use crate::rig::{settings, stores};

/// As a migration of a later release does it.
const A_LATER_ONE: &str = "INSERT INTO schema_compatibility (version, name, older_may_serve) VALUES ('9901', '9901_baskets', 'yes'); \
     INSERT INTO __diesel_schema_migrations (version) VALUES ('9901')";

async fn execute(url: &str, statements: &str) {
    // A store that was just dropped may still close its connections.
    let patience = if url.starts_with("sqlite:") { "PRAGMA busy_timeout = 10000;" } else { "" };
    let done = databases::execute(url, &format!("{patience}{statements}")).await;
    done.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

async fn migrates(url: &str) {
    let done = migrate(&settings(url), Extent::Quick).await;
    done.unwrap_or_else(|error| panic!("{}", chain(&error)));
}

/// Each migration has a row, which it has written itself.
pub(crate) fn each_migration_says_whether_older_releases_may_serve(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let dialect = if database == Database::Mariadb { "mysql" } else { database.name() };
    let folder = format!("{}/../../migrations/{dialect}", env!("CARGO_MANIFEST_DIR"));
    Runtime::new().expect("a runtime starts").block_on(async {
        migrates(url).await;
        let mut expected = 0;
        for entry in fs::read_dir(folder).expect("the migrations") {
            let name = entry.expect("a migration").file_name().into_string().expect("a name");
            let (version, _) = name.split_once('_').expect("a version and a name");
            let row = format!(
                "schema_compatibility WHERE version = '{version}' AND name = '{name}' \
                 AND older_may_serve IN ('yes', 'no')"
            );
            assert_eq!(databases::count(url, &row).await.expect("it is counted"), 1, "{name}");
            expected += 1;
        }
        let all = databases::count(url, "schema_compatibility").await.expect("it is counted");
        assert_eq!(all, expected);
    });
}

/// Beside a newer migration that allows it, this release migrates and serves, and says so; beside one that does not, it does neither.
pub(crate) fn a_newer_migration_is_told_or_refused_by_name(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        migrates(url).await;
        let database = stores(url).database;
        let ours = async || {
            let cautions = database.cautions().await.expect("it is asked");
            cautions.into_iter().filter(|one| one.contains("migration")).collect::<Vec<_>>()
        };
        assert_eq!(ours().await, [""; 0]);
        execute(url, A_LATER_ONE).await;
        execute(url, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20990101')").await;
        migrates(url).await;
        assert_eq!(database.pending().await.expect("it is asked"), [""; 0]);
        let said = ours().await;
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("9901_baskets") && said[1].contains("20990101"), "{said:?}");
        let placing = a_change_placing(a_new_order(1, 7));
        stores(url).orders.commit(placing.into(), soon()).await.expect("it serves");

        execute(
            url,
            "UPDATE schema_compatibility SET older_may_serve = 'no' WHERE version = '9901'",
        )
        .await;
        // What no migration may change any more: the newer release may have meant it.
        execute(url, "DELETE FROM __diesel_schema_migrations WHERE version = '0008'").await;
        let refused = migrate(&settings(url), Extent::Whole).await.expect_err("it is refused");
        let asked = [database.pending().await, database.cautions().await];
        let asked = asked.map(|asked| chain(&*asked.expect_err("it is refused")));
        for said in asked.into_iter().chain([chain(&refused)]) {
            assert!(said.contains("older ones may not serve") && said.contains("9901"), "{said}");
        }
        let run = "__diesel_schema_migrations WHERE version = '0008'";
        assert_eq!(databases::count(url, run).await.expect("it is counted"), 0);
    });
}

/// MySQL and MariaDB do not undo what a migration has done before a crash. The next run finds it.
pub(crate) fn the_migration_of_sagas_goes_on_after_a_crash(database: Database) {
    let undone = [
        "DO 0",
        "ALTER TABLE orders DROP COLUMN saga_revision",
        "ALTER TABLE orders DROP COLUMN saga_revision; DROP TABLE sagas; \
         DELETE FROM leases WHERE name = 'sagas'",
    ];
    for undo in undone {
        let scratch = database.scratch();
        let url = &scratch.url;
        Runtime::new().expect("a runtime starts").block_on(async {
            migrates(url).await;
            let forget = "DELETE FROM __diesel_schema_migrations WHERE version = '0011'";
            execute(url, &format!("{undo}; {forget}")).await;
            let database = stores(url).database;
            assert_eq!(database.pending().await.expect("it is asked"), ["0011_sagas"]);
            migrates(url).await;
            let placing =
                OrderChange { saga: Some(a_saga(1)), ..a_change_placing(a_new_order(1, 7)) };
            stores(url).orders.commit(placing.into(), soon()).await.expect("it serves");
            for row in ["sagas", "leases WHERE name = 'sagas'"] {
                assert_eq!(databases::count(url, row).await.expect("it is counted"), 1, "{undo}");
            }
        });
    }
}

/// A user who may not read what migrations say of themselves is not taken for one without any.
pub(crate) fn marks_that_may_not_be_read_are_named(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let name = url.rsplit('/').next().expect("a name");
    let user = format!("u{}", name.get(name.len() - 20..).expect("a long name"));
    let (server, rest) = url.split_once('@').expect("a user");
    let scheme = server.split("://").next().expect("a scheme");
    let is_postgres = database == Database::Postgres;
    let (serving, make, grant, drop) = if is_postgres {
        (
            format!("{scheme}://{user}@{rest}"),
            format!(
                "CREATE ROLE {user} LOGIN; GRANT SELECT, INSERT, UPDATE ON orders, id_blocks TO {user}"
            ),
            format!("GRANT SELECT ON schema_compatibility TO {user}"),
            format!("DROP OWNED BY {user}; DROP ROLE {user}"),
        )
    } else {
        (
            format!("{scheme}://{user}:secret@{rest}"),
            format!(
                "CREATE USER {user}@'%' IDENTIFIED BY 'secret'; \
                 GRANT SELECT, INSERT, UPDATE ON {name}.orders TO {user}@'%'; \
                 GRANT SELECT, UPDATE ON {name}.id_blocks TO {user}@'%'"
            ),
            format!("GRANT SELECT ON {name}.schema_compatibility TO {user}@'%'"),
            format!("DROP USER {user}@'%'"),
        )
    };
    Runtime::new().expect("a runtime starts").block_on(async {
        migrates(url).await;
        execute(url, &make).await;
        let database = stores(&serving).database;
        let said = chain(&*database.pending().await.expect_err("it is refused"));
        assert!(said.contains("GRANT SELECT ON schema_compatibility"), "{said}");
        execute(url, &grant).await;
        assert_eq!(database.pending().await.expect("it is asked"), [""; 0]);
        // The list of migrations is not granted, and each migration says by itself that it has run.
        execute(url, "DELETE FROM schema_compatibility WHERE version = '0011'").await;
        assert_eq!(database.pending().await.expect("it is asked"), ["0011_sagas"]);
        execute(url, &drop).await;
    });
}
