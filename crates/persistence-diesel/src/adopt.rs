//! Existing tables: what the catalogue of the database says of `orders`, compared with what the service needs. What one
//! kind of database accepts is in `backend/`, in its `catalogue.rs`; the statements are in `sql/adoption.rs`.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use order_app::ports::{Finding, Remedy};
use order_domain::{CancelReason, Currency, OrderStatus};

use crate::types::Word;

/// The columns that every table of orders has.
const SEVEN: [&str; 7] =
    ["id", "customer_id", "items", "total_amount", "status", "created_at", "updated_at"];
/// The columns that the second migration adds.
const ADDED: [&str; 4] = ["version", "currency", "client_reference", "cancel_reason"];
/// The column that the migration of sagas adds. Another service can mean nothing by it that would be a revision of ours.
pub(crate) const SAGA_REVISION: &str = "saga_revision";

/// What the settings ask of the table.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    /// The most decimals that amounts have.
    pub decimals: i64,
    /// The zone in which another service stores times without a zone; `None` when it is UTC.
    pub time_zone: Option<String>,
}

impl Needs {
    pub(crate) fn new(decimals: u32, time_zone: Option<&str>) -> Self {
        let other = time_zone.map(str::trim).filter(|zone| !is_utc(zone)).map(str::to_owned);
        Self { decimals: decimals.into(), time_zone: other }
    }
}

/// Whether a name of a time zone, in one of the spellings of Java and of the databases, means UTC.
fn is_utc(zone: &str) -> bool {
    let zone = zone.to_ascii_lowercase();
    let name = zone.strip_prefix("etc/").unwrap_or(&zone);
    let offset = ["utc", "gmt", "ut", ""].iter().find_map(|zone| name.strip_prefix(zone));
    matches!(name, "z" | "zulu" | "uct" | "universal" | "greenwich")
        || offset.is_some_and(|offset| offset.chars().all(|c| matches!(c, '+' | '-' | '0' | ':')))
}

/// Why the tables have no place.
#[derive(Debug, QueryableByName)]
pub(crate) struct Misplaced {
    #[diesel(sql_type = Text)]
    pub what: String,
    #[diesel(sql_type = Text)]
    pub must_be: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub statement: Option<String>,
}

impl Misplaced {
    pub(crate) fn finding(self) -> Finding {
        let Self { what, must_be, statement } = self;
        Finding { column: None, statement, ..by_operator("", what, &must_be) }
    }
}

/// A column, as the catalogue has it.
#[derive(Debug, Clone, Default, QueryableByName)]
pub(crate) struct Column {
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The type without sizes, in lower case.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// The type with sizes, as it stands in statements.
    #[diesel(sql_type = Text)]
    pub full_type: String,
    /// The most characters of a text.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub length: Option<i64>,
    /// The digits of an exact number.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub digits: Option<i64>,
    /// How many of them are decimals.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub decimals: Option<i64>,
    /// The decimals of the seconds of a time.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub fraction: Option<i64>,
    /// 1 if it may be NULL.
    #[diesel(sql_type = BigInt)]
    pub nullable: i64,
    /// Its default.
    #[diesel(sql_type = Nullable<Text>)]
    pub preset: Option<String>,
    /// How it is filled: words of the catalogue, in lower case.
    #[diesel(sql_type = Text)]
    pub extra: String,
    /// The collation of a text, where columns have their own; its name begins with the character set.
    #[diesel(sql_type = Nullable<Text>)]
    pub collation: Option<String>,
}

/// What the store must know of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// How many decimals of a second it keeps.
    pub time_decimals: u16,
    /// What `version` counts from: 1, but 0 where JPA made the column.
    pub versions_from: i64,
}

impl Facts {
    /// What the columns tell; `None` when the table is not there, or not migrated.
    pub(crate) fn of(columns: &[Column]) -> Option<Self> {
        let version = columns.iter().find(|column| column.name == "version")?;
        let preset = version.preset.as_deref().unwrap_or_default().trim_matches('\'');
        let digits = preset.split(|c: char| !c.is_ascii_digit()).next();
        let is_time = |column: &&Column| matches!(&*column.name, "created_at" | "updated_at");
        let least = columns.iter().filter(is_time).filter_map(|column| column.fraction).min();
        Some(Self {
            // Where columns say nothing, times have microseconds.
            time_decimals: least.and_then(|least| u16::try_from(least).ok()).unwrap_or(6),
            versions_from: i64::from(digits == Some("1")),
        })
    }
}

/// A counter from which another service gives ids to the table.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Counter {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// From one value to the next.
    #[diesel(sql_type = BigInt)]
    pub step: i64,
    /// The statement that lets this user draw from it; `None` when it may.
    #[diesel(sql_type = Nullable<Text>)]
    pub grant: Option<String>,
}

/// The name of something in the catalogue.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Name {
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// The table of orders, as it is.
#[derive(Debug, Default)]
pub(crate) struct Existing {
    pub columns: Vec<Column>,
    /// Whether the migration that adds columns has run.
    pub is_migrated: bool,
    /// Whether the one of sagas has run, or begun.
    pub has_sagas: bool,
    /// Whether `id` alone is a key.
    pub has_key: bool,
    /// The counter of another service.
    pub counter: Option<Counter>,
    /// The storage engine, if it has no transactions.
    pub engine: Option<String>,
}

/// What one kind of database accepts.
pub(crate) struct Rules {
    /// What is wrong with a column that the service reads and writes.
    pub judge: fn(&Column, &Needs) -> Vec<Misfit>,
    /// Whether the migration keeps columns of another service that have the names of ours.
    pub reuses: bool,
    /// The type of times in a table that the service makes.
    pub own_time: &'static str,
    /// Lets rows in that leave a column out.
    pub make_optional: fn(&Column) -> Option<String>,
    /// Removes a check, by its name.
    pub drop_check: fn(&str) -> Option<String>,
    /// Gives a column another name, before and after.
    pub rename: fn(&str, &str) -> String,
}

/// What is wrong with a column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub must_be: String,
    pub remedy: Remedy,
    pub statement: Option<String>,
}

impl Misfit {
    pub(crate) fn new(
        must_be: impl Into<String>,
        remedy: Remedy,
        statement: impl Into<String>,
    ) -> Self {
        Self { must_be: must_be.into(), remedy, statement: Some(statement.into()) }
    }
}

impl Column {
    /// Whether the database fills it by itself.
    fn is_filled(&self) -> bool {
        let words = ["identity", "auto_increment", "computed"];
        self.nullable == 1
            || self.preset.is_some()
            || words.iter().any(|word| self.extra.contains(word))
    }

    /// What it must be where it is read and written as ours, and allows NULL or not.
    pub(crate) fn refused_null(&self) -> Option<&'static str> {
        match (&*self.name, self.nullable) {
            ("currency", 1) => Some("must be NOT NULL"),
            ("client_reference" | "cancel_reason", 0) => {
                Some("must allow NULL, which means that there is none")
            }
            _ => None,
        }
    }

    /// What it is, in words.
    fn describe(&self) -> String {
        let null = if self.nullable == 1 { "" } else { " NOT NULL" };
        let charset = self.collation.as_ref().map(|set| format!(" in {set}")).unwrap_or_default();
        let extra = if self.extra.is_empty() { String::new() } else { format!(", {}", self.extra) };
        format!("is {}{charset}{null}{extra}", self.full_type)
    }
}

impl Existing {
    /// Everything that is not as the service needs it.
    pub(crate) fn findings(&self, rules: &Rules, needs: &Needs) -> Vec<Finding> {
        let mut findings = self.of_table();
        for column in &self.columns {
            let is_added = ADDED.contains(&&*column.name);
            let is_of_sagas = column.name == SAGA_REVISION;
            let may_be_ours =
                if is_of_sagas { self.has_sagas } else { rules.reuses || self.is_migrated };
            if (is_added || is_of_sagas) && !may_be_ours {
                findings.push(Finding {
                    statement: Some(renamed(&column.name, rules)),
                    ..by_operator(
                        &column.name,
                        column.describe(),
                        "the service adds a column of this name itself",
                    )
                });
            } else if is_added || is_of_sagas || SEVEN.contains(&&*column.name) {
                findings.extend(judged(column, rules, needs));
            } else if !column.is_filled() {
                let must =
                    "rows of the service leave it out, so it must have a default or allow NULL";
                findings.push(Finding {
                    statement: (rules.make_optional)(column),
                    ..by_operator(&column.name, column.describe(), must)
                });
            }
        }
        findings
    }

    fn of_table(&self) -> Vec<Finding> {
        let has = |name: &str| self.columns.iter().any(|column| column.name == name);
        let missing = SEVEN.into_iter().filter(|name| !has(name));
        let missing = missing
            .map(|name| by_operator(name, "is missing".into(), "the service reads and writes it"));
        let mut findings: Vec<_> = missing.collect();
        if !self.has_key {
            findings.push(Finding {
                statement: Some("ALTER TABLE orders ADD PRIMARY KEY (id)".into()),
                ..by_operator("id", "is no key".into(), "it must be the primary key")
            });
        }
        if let Some(Counter { name, grant: Some(grant), .. }) = &self.counter {
            findings.push(Finding {
                statement: Some(grant.clone()),
                ..by_operator(
                    "id",
                    format!("is given from {name}"),
                    "this user must be granted its use",
                )
            });
        }
        if let Some(engine) = &self.engine {
            findings.push(Finding {
                column: None,
                statement: Some("ALTER TABLE orders ENGINE = InnoDB".into()),
                ..by_operator("", format!("has the engine {engine}"), "it must have transactions")
            });
        }
        findings
    }
}

/// What a table of times without a zone would be, before there is one.
pub(crate) fn in_a_new_table(rules: &Rules, needs: &Needs) -> Vec<Finding> {
    let (name, full_type) = ("created_at".to_owned(), rules.own_time.to_owned());
    let column = Column { name, kind: full_type.clone(), full_type, ..Column::default() };
    let judged = judged(&column, rules, &Needs { decimals: 0, ..needs.clone() });
    judged.into_iter().map(|finding| Finding { statement: None, ..finding }).collect()
}

/// What is wrong with a time without a zone, when another service means other times by it.
pub(crate) fn zoned(needs: &Needs, statement: impl Fn(&str) -> Option<String>) -> Option<Misfit> {
    let zone = needs.time_zone.as_deref()?;
    let must_be = format!(
        "must have a zone, or be UTC for all services, and the settings say that another service stores times of {zone}"
    );
    // Words of a Java driver for zones that only its machine knows.
    let is_known = !["server", "local", "default"].contains(&&*zone.to_lowercase());
    let statement = if is_known { statement(zone) } else { None };
    Some(Misfit { must_be, remedy: Remedy::Operator, statement })
}

/// What is wrong with values that a column of another service has, when they cannot be ours.
pub(crate) fn foreign_values(column: &str, values: &[Name], rules: &Rules) -> Option<Finding> {
    let is_ours = |value: &&Name| match column {
        "currency" => Word::<Currency>::read(value.name.as_bytes()).0.is_some(),
        "cancel_reason" => Word::<CancelReason>::read(value.name.as_bytes()).0.is_some(),
        // Only those are looked for that a customer has more than once.
        _ => false,
    };
    let other = values.iter().find(|value| !is_ours(value))?;
    let (is, must_be) = match column {
        "currency" => ("has", "must have codes of ISO 4217"),
        "cancel_reason" => ("has", "must have reasons of this service, or NULL"),
        _ => ("has, in several orders of a customer,", "must be unique for each customer, or NULL"),
    };
    Some(Finding {
        statement: Some(renamed(column, rules)),
        ..by_operator(column, format!("{is} the value {:?}", other.name), must_be)
    })
}

fn renamed(column: &str, rules: &Rules) -> String {
    (rules.rename)(column, &format!("{column}_of_another_service"))
}

fn judged(column: &Column, rules: &Rules, needs: &Needs) -> Vec<Finding> {
    if column.extra.contains("computed") {
        let must = "the service writes it, so it must be an ordinary column";
        return vec![by_operator(&column.name, column.describe(), must)];
    }
    let finding = |misfit: Misfit| Finding {
        remedy: misfit.remedy,
        statement: misfit.statement,
        ..by_operator(&column.name, column.describe(), &misfit.must_be)
    };
    (rules.judge)(column, needs).into_iter().map(finding).collect()
}

/// A finding for orders that the table does not take, in the words of the database.
pub(crate) fn refused(
    (message, statuses): &(String, Vec<OrderStatus>),
    checks: &[Name],
    rules: &Rules,
) -> Finding {
    let check = checks.iter().find(|check| message.contains(&check.name));
    let statuses: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
    let is = format!("refuses orders that are {}: {message}", statuses.join(", "));
    Finding {
        column: None,
        statement: check.and_then(|check| (rules.drop_check)(&check.name)),
        ..by_operator("", is, "it must take orders of each status")
    }
}

fn by_operator(column: &str, is: String, must_be: &str) -> Finding {
    Finding {
        table: "orders",
        column: Some(column.to_owned()),
        is,
        must_be: must_be.to_owned(),
        remedy: Remedy::Operator,
        statement: None,
    }
}
