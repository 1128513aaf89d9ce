//! Settings of servers, databases and roles that would change what statements mean or what a commit promises: they are set
//! right, refused by name, or told.

use std::sync::{Mutex, PoisonError};

use order_app::errors::chain;
use order_app::ports::{CustomerOrders, Duty, Extent, Leased, Stores};
use order_domain::{NewOrder, OrderLine, OrderStatus, ProductName};
use order_testkit::databases::{self, Database, Scratch};
use order_testkit::examples::{
    a_change, a_change_placing, a_customer, a_line, a_new_order, an_order_id, lines_in, moved,
    noon, soon,
};
use persistence_diesel::migrate;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::rig::{settings, stores};

async fn execute(url: &str, statements: &str) {
    let done = databases::execute(url, statements).await;
    done.unwrap_or_else(|error| panic!("{statements}: {error}"));
}

async fn refused(url: &str) -> String {
    chain(&migrate(&settings(url), Extent::Quick).await.expect_err("it is refused"))
}

async fn cautions(url: &str) -> String {
    stores(url).database.cautions().await.expect("it is asked").join("\n")
}

/// Orders with texts of all kinds live their lives, and are listed; their events get positions.
async fn lives(url: &str) {
    let done = migrate(&settings(url), Extent::Quick).await;
    done.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let Stores { orders, journal, database, .. } = stores(url);
    assert_eq!(database.inspect().await.expect("it is looked at"), Some(vec![]));
    orders.ping(soon()).await.expect("the tables are there");
    let name = "\u{20ac} 5 | 'Kōhī' \\ \"\u{1f375}\" || NULL   ";
    for id in 1..=3 {
        let line = OrderLine {
            name: Some(ProductName::new(name.trim_end().to_owned()).expect("a name")),
            ..a_line(1, 3, "49.99")
        };
        let new = a_new_order(id, 7);
        let lines = lines_in(new.lines.currency(), vec![line]);
        let change = a_change_placing(NewOrder { lines, ..new });
        orders.commit(change.into(), soon()).await.expect("it is placed");
        let placed = orders.order(an_order_id(id), soon()).await.expect("readable").expect("there");
        let stored = placed.snapshot().lines.as_slice()[0].name.as_ref().map(ToString::to_string);
        assert_eq!(stored.as_deref(), Some(name.trim_end()));
        let confirmed = a_change(moved(&placed, OrderStatus::Confirmed, noon()));
        orders.commit(confirmed.into(), soon()).await.expect("it is confirmed");
    }
    let all = CustomerOrders {
        customer_id: a_customer(7),
        statuses: vec![OrderStatus::Confirmed],
        created_from: None,
        created_to: None,
        after: None,
        limit: 50,
    };
    let page = orders.customer_orders(&all, soon()).await.expect("the list works");
    assert_eq!((page.orders.len(), page.left_out), (3, 0));
    assert!(orders.next_order_id(soon()).await.expect("an id").get() > 3);
    let instance = Uuid::from_u128(8);
    let lease = journal.lease(Duty::Sequence, instance, std::time::Duration::from_mins(5), soon());
    let lease = lease.await.expect("the journal leases").expect("it is free");
    let assigned = journal.assign_positions(&lease, 100, soon()).await.expect("assigned");
    assert_eq!(assigned, Leased::Done(6));
    let entries = journal.entries_after(0, None, 100, soon()).await.expect("it is read").items;
    assert!(entries.len() == 6 && entries.iter().all(Result::is_ok), "{entries:?}");
}

/// A database that cannot keep every text is refused, with the statement that makes one which can.
pub(crate) fn a_database_of_another_encoding_is_refused_by_name(database: Database) {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let scratch = database.scratch();
        let name = format!("{}_{encoding}", scratch.url.rsplit('/').next().expect("a name"))
            .to_lowercase();
        let url = format!("{}_{}", scratch.url, encoding.to_lowercase());
        Runtime::new().expect("a runtime starts").block_on(async {
            let make = format!(
                "CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
            );
            execute(&scratch.url, &make).await;
            let said = refused(&url).await;
            assert!(said.contains(encoding) && said.contains("must be UTF8"), "{said}");
            let found = stores(&url).database.inspect().await.expect("it is looked at");
            let [finding] = &found.expect("a finding")[..] else { panic!("one finding") };
            let tables = "information_schema.tables WHERE table_schema = 'public'";
            assert_eq!(databases::count(&url, tables).await.expect("it is counted"), 0);
            execute(&scratch.url, finding.statement.as_deref().expect("a statement")).await;
            lives(&format!("{url}_utf8")).await;
            for made in [format!("{name}_utf8"), name] {
                execute(&scratch.url, &format!("DROP DATABASE {made} WITH (FORCE)")).await;
            }
        });
    }
}

/// What an operator may set for a database or a role, and what changes nothing for the service.
const HARMLESS: [&str; 14] = [
    "standard_conforming_strings = off",
    "escape_string_warning = off",
    "backslash_quote = off",
    "transform_null_equals = on",
    "bytea_output = escape",
    "\"DateStyle\" = 'SQL, DMY'",
    "\"IntervalStyle\" = sql_standard",
    "\"TimeZone\" = 'Asia/Kolkata'",
    "extra_float_digits = -15",
    "client_encoding = LATIN1",
    "array_nulls = off",
    "quote_all_identifiers = on",
    "default_transaction_isolation = serializable",
    "default_transaction_deferrable = on",
];

pub(crate) fn settings_of_a_database_change_nothing(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let name = url.rsplit('/').next().expect("a name");
    Runtime::new().expect("a runtime starts").block_on(async {
        for setting in HARMLESS {
            execute(url, &format!("ALTER DATABASE {name} SET {setting}")).await;
        }
        lives(url).await;
        assert_eq!(cautions(url).await, "");
    });
}

pub(crate) fn settings_of_a_database_are_refused_or_told(database: Database) {
    let scratch = database.scratch();
    let url = &scratch.url;
    let name = url.rsplit('/').next().expect("a name");
    let role = format!("shop_{name}");
    let (server, rest) = url.split_once('@').expect("a user");
    let theirs = format!("{}://{role}@{rest}", server.split("://").next().expect("a scheme"));
    Runtime::new().expect("a runtime starts").block_on(async {
        let read_only = "SET default_transaction_read_only = on";
        execute(url, &format!("ALTER DATABASE {name} {read_only}")).await;
        let said = refused(url).await;
        let mend = format!("ALTER DATABASE {name} RESET default_transaction_read_only");
        assert!(said.contains("only read") && said.contains(&mend), "{said}");
        execute(url, &format!("BEGIN READ WRITE; {mend}; COMMIT")).await;
        migrate(&settings(url), Extent::Quick).await.expect("it migrates");

        execute(url, &format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}; \
             ALTER ROLE {role} {read_only}"
        ))
        .await;
        let found = stores(&theirs).database.inspect().await.expect("it is looked at");
        let [finding] = &found.expect("a finding")[..] else { panic!("one finding") };
        let statement = finding.statement.as_deref().expect("a statement");
        assert!(statement.starts_with("ALTER ROLE"), "{statement}");
        execute(url, statement).await;
        assert_eq!(cautions(&theirs).await, "");

        execute(url, &format!(
            "ALTER ROLE {role} SET synchronous_commit = off; ALTER TABLE orders ENABLE ROW LEVEL SECURITY"
        ))
        .await;
        let said = cautions(&theirs).await;
        assert!(said.contains("synchronous_commit is off") && said.contains("table orders"), "{said}");
        execute(url, &format!("ALTER DATABASE {name} SET session_replication_role = replica")).await;
        assert!(cautions(url).await.contains("session_replication_role is replica"));
        execute(url, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    });
}

/// What a server of MySQL or MariaDB tells each new session of a user without privileges. One check at a time sets it.
static OF_SESSIONS: Mutex<()> = Mutex::new(());

/// What changes nothing for the service, because it sets it itself.
const SET_BY_US: [&str; 2] = [
    "completion_type = 'RELEASE', autocommit = 0, sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,\
     PAD_CHAR_TO_FULL_LENGTH,NO_AUTO_VALUE_ON_ZERO,IGNORE_SPACE,HIGH_NOT_PRECEDENCE', sql_safe_updates = 1, \
     sql_select_limit = 1, sql_big_selects = 0, max_join_size = 1, sql_auto_is_null = 1, foreign_key_checks = 0, \
     unique_checks = 0, default_storage_engine = MyISAM, default_tmp_storage_engine = MyISAM, \
     time_zone = '+05:30', character_set_client = latin1, character_set_connection = latin1, \
     character_set_results = latin1, lock_wait_timeout = 1, wait_timeout = 1, group_concat_max_len = 300",
    "completion_type = 'CHAIN', autocommit = 0, sql_mode = '', default_storage_engine = MEMORY, \
     collation_connection = utf8mb4_general_ci, div_precision_increment = 0, net_read_timeout = 1",
];

/// A user of one database, who is told settings at the beginning of each session, until this is dropped.
struct Moody<'a> {
    scratch: &'a Scratch,
    user: String,
    url: String,
}

fn run(url: &str, statements: &str) {
    Runtime::new().expect("a runtime starts").block_on(execute(url, statements));
}

impl<'a> Moody<'a> {
    fn new(scratch: &'a Scratch) -> Self {
        let url = &scratch.url;
        let name = url.rsplit('/').next().expect("a name");
        let user = format!("m{}", name.get(name.len() - 20..).expect("a long name"));
        let (_, rest) = url.split_once('@').expect("a user");
        let make = format!("CREATE USER {user}@'%' IDENTIFIED BY 'secret'");
        run(url, &format!("{make}; GRANT ALL ON {name}.* TO {user}@'%'"));
        let theirs = format!("mysql://{user}:secret@{rest}");
        Self { scratch, user, url: theirs }
    }

    async fn told(&self, settings: &str) {
        let statement = format!("SET SESSION {settings}").replace('\'', "''");
        execute(&self.scratch.url, &format!("SET GLOBAL init_connect = '{statement}'")).await;
    }
}

impl Drop for Moody<'_> {
    fn drop(&mut self) {
        let end = format!("SET GLOBAL init_connect = ''; DROP USER {}@'%'", self.user);
        run(&self.scratch.url, &end);
    }
}

pub(crate) fn settings_of_a_server_change_nothing(database: Database) {
    let _alone = OF_SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    for settings in SET_BY_US {
        let scratch = database.scratch();
        let moody = Moody::new(&scratch);
        Runtime::new().expect("a runtime starts").block_on(async {
            moody.told(settings).await;
            lives(&moody.url).await;
            let name = scratch.url.rsplit('/').next().expect("a name");
            let without = format!(
                "information_schema.tables WHERE table_schema = '{name}' AND engine <> 'InnoDB'"
            );
            let count = databases::count(&scratch.url, &without).await.expect("it is counted");
            assert_eq!(count, 0, "all tables have transactions");
        });
    }
}

pub(crate) fn settings_of_a_server_are_refused_or_told(database: Database) {
    let _alone = OF_SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let scratch = database.scratch();
    let url = &scratch.url;
    let (read_only, without_effect) = match database {
        Database::Mysql => (
            "transaction_read_only",
            "explicit_defaults_for_timestamp = 0, sql_require_primary_key = 1, \
             sql_generate_invisible_primary_key = 1",
        ),
        _ => ("tx_read_only", "explicit_defaults_for_timestamp = 0, sql_mode = ORACLE"),
    };
    let moody = Moody::new(&scratch);
    Runtime::new().expect("a runtime starts").block_on(async {
        moody.told(&format!("{read_only} = 1")).await;
        let said = refused(&moody.url).await;
        let mend = format!("SET GLOBAL {read_only} = OFF");
        assert!(said.contains("only read") && said.contains(&mend), "{said}");
        if database == Database::Mysql {
            let right = format!("GRANT SESSION_VARIABLES_ADMIN ON *.* TO {}@'%'", moody.user);
            execute(url, &right).await;
            moody.told("binlog_format = STATEMENT").await;
            let said = refused(&moody.url).await;
            assert!(said.contains("binlog_format is STATEMENT"), "{said}");
        }
        moody.told(without_effect).await;
        lives(&moody.url).await;
        execute(url, "ALTER TABLE leases ENGINE = MyISAM").await;
        let found = stores(&moody.url).database.inspect().await.expect("it is looked at");
        let [finding] = &found.expect("a finding")[..] else { panic!("one finding") };
        assert_eq!(finding.is, "is beside leases, whose engine is MyISAM");
        execute(url, finding.statement.as_deref().expect("a statement")).await;
        let found = stores(&moody.url).database.inspect().await.expect("it is looked at");
        assert_eq!(found, Some(vec![]));

        // The list of migrations, as an earlier release may have made it.
        execute(url, "ALTER TABLE __diesel_schema_migrations ENGINE = MyISAM").await;
        let done = migrate(&settings(&moody.url), Extent::Quick).await.expect("it migrates");
        assert_eq!(done, ["ALTER TABLE __diesel_schema_migrations ENGINE = InnoDB"]);

        assert_eq!(cautions(url).await, "");
        execute(url, "SET GLOBAL innodb_flush_log_at_trx_commit = 2").await;
        let said = cautions(url).await;
        execute(url, "SET GLOBAL innodb_flush_log_at_trx_commit = 1").await;
        assert!(said.contains("innodb_flush_log_at_trx_commit is 2"), "{said}");
        if database == Database::Mysql {
            execute(url, "SET GLOBAL sync_binlog = 0").await;
            let said = cautions(url).await;
            execute(url, "SET GLOBAL sync_binlog = 1").await;
            assert!(said.contains("sync_binlog is 0"), "{said}");
        }
    });
}
