//! The schema of PostgreSQL in which the tables are: the one that the settings name, or the first of the search path that the
//! server gives the user.

use std::sync::Arc;

use order_app::errors::chain;
use order_app::ports::{Extent, Stores};
use order_testkit::RandomEntropy;
use order_testkit::databases::{self, Database};
use order_testkit::examples::{a_change_placing, a_new_order, an_order_id, soon};
use persistence_diesel::{StoreSettings, migrate, open};
use tokio::runtime::Runtime;

use crate::rig::settings;

/// A name that must be quoted.
const SCHEMA: &str = "Shop \"one\"";

fn in_schema(url: &str) -> StoreSettings {
    StoreSettings { schema: Some(SCHEMA.to_owned()), ..settings(url) }
}

fn stores(settings: &StoreSettings) -> Stores {
    open(settings, Arc::new(RandomEntropy)).expect("a known kind of URL")
}

async fn execute(url: &str, statements: &str) {
    let done = databases::execute(url, statements).await;
    done.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

async fn refused(settings: &StoreSettings) -> String {
    chain(&migrate(settings, Extent::Quick).await.expect_err("it is refused"))
}

async fn places(settings: &StoreSettings, id: i64) {
    let Stores { orders, database, .. } = stores(settings);
    assert_eq!(database.inspect().await.expect("it is looked at"), Some(vec![]));
    orders.commit(a_change_placing(a_new_order(id, 7)).into(), soon()).await.expect("it is placed");
    assert!(orders.order(an_order_id(id), soon()).await.expect("it is read").is_some());
    assert!(orders.next_order_id(soon()).await.expect("an id").get() > 0);
    orders.ping(soon()).await.expect("the tables are there");
}

async fn tables(url: &str, schema: &str) -> i64 {
    let of = format!("information_schema.tables WHERE table_schema = '{schema}'");
    databases::count(url, &of).await.expect("it is counted")
}

pub(crate) fn all_tables_are_in_the_schema_of_the_settings(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    Runtime::new().expect("a runtime starts").block_on(async {
        let said = refused(&in_schema(url)).await;
        let makes = r#"CREATE SCHEMA "Shop ""one""""#;
        assert!(said.contains("which is not there") && said.contains(makes), "{said}");
        let found = stores(&in_schema(url)).database.inspect().await.expect("it is looked at");
        assert_eq!(found.expect("a finding")[0].statement.as_deref(), Some(makes));
        execute(url, makes).await;
        // A table of the same name elsewhere is another one.
        execute(url, "CREATE TABLE public.orders (id TEXT)").await;
        migrate(&in_schema(url), Extent::Quick).await.expect("it migrates");
        assert_eq!(migrate(&in_schema(url), Extent::Quick).await.expect("again"), [""; 0]);
        places(&in_schema(url), 1).await;
        assert_eq!(tables(url, "public").await, 1);
        assert!(tables(url, SCHEMA).await > 8);
    });
}

/// A schema in which this user may do nothing, or make no tables, is named with the statement that grants it.
pub(crate) fn a_schema_that_is_not_granted_is_named(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let role = format!("shop_{}", url.rsplit('/').next().expect("a name"));
    let (server, name) = url.split_once('@').expect("a user");
    let theirs = format!("{}://{role}@{name}", server.split("://").next().expect("a scheme"));
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA \"Shop \"\"one\"\"\""))
            .await;
        for (right, lacks) in [("USAGE", "may not use"), ("CREATE", "may make no tables")] {
            let said = refused(&in_schema(&theirs)).await;
            assert!(said.contains(lacks), "{said}");
            let grant = format!("{right} ON SCHEMA \"Shop \"\"one\"\"\" TO {role}");
            assert!(said.contains(&grant) || said.contains("GRANT USAGE, CREATE"), "{said}");
            execute(url, &format!("GRANT {grant}")).await;
        }
        migrate(&in_schema(&theirs), Extent::Quick).await.expect("it migrates");
        places(&in_schema(&theirs), 1).await;
        execute(url, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}

/// Without a schema in the settings, the user's own search path says where the tables are.
pub(crate) fn the_search_path_of_the_user_says_where_the_tables_are(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let name = url.rsplit('/').next().expect("a name");
    let path = |path: &str| format!("ALTER DATABASE {name} SET search_path = {path}");
    Runtime::new().expect("a runtime starts").block_on(async {
        execute(url, &path("shop")).await;
        let said = refused(&settings(url)).await;
        assert!(said.contains("CREATE SCHEMA shop"), "{said}");
        execute(url, &path("nowhere, shop")).await;
        let said = refused(&settings(url)).await;
        assert!(said.contains("has no place") && said.contains("nowhere, shop"), "{said}");
        execute(url, "CREATE SCHEMA shop").await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");
        places(&settings(url), 1).await;
        assert_eq!(tables(url, "public").await, 0);
        // New tables would be made beside the others, and hide them.
        execute(url, "CREATE SCHEMA nowhere").await;
        let said = refused(&settings(url)).await;
        assert!(said.contains("is in the schema shop") && said.contains("nowhere"), "{said}");
        assert_eq!(tables(url, "nowhere").await, 0);
        let named = StoreSettings { schema: Some("shop".into()), ..settings(url) };
        migrate(&named, Extent::Quick).await.expect("it is up to date");
        places(&named, 2).await;
    });
}

/// Several hosts are tried in their order, and one that only reads is passed over.
pub(crate) fn the_first_host_that_answers_is_used(database: Database) {
    let scratch = database.scratch();
    let address = scratch.address().expect("a server").to_string();
    let hosts = format!("127.0.0.1:1,{address}");
    let url = scratch.url.replace(&address, &hosts) + "?target_session_attrs=read-write";
    Runtime::new().expect("a runtime starts").block_on(async {
        migrate(&settings(&url), Extent::Quick).await.expect("it migrates");
        places(&settings(&url), 1).await;
    });
}
