//! Which database, and where in it: `spring.datasource.url`, and the other keys of Spring that name a
//! schema, a database, a time zone or a driver. All that are set must agree.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use settings_spring::values::{self, optional};
use settings_spring::{Key, Reader, keys};

use super::Database;
use super::encryption::{self, Encryption};
use super::parameters::{self, Kind, Verdict};
use super::url::{self, Asked, Location};

keys! {
    pub(in super::super) ROWS;
    URL: Location = "spring.datasource.url", "sqlite:orders.db", Url,
        "sqlite:PATH, postgresql://HOST:PORT/DATABASE, mysql://HOST:PORT/DATABASE or \
         mariadb://HOST:PORT/DATABASE, with or without jdbc: before it",
        "The database. DATABASE_URL is taken too, when SPRING_DATASOURCE_URL is not set.",
        url::parse;
    USERNAME: Option<String> = "spring.datasource.username", "", Plain, "a user name",
        "The database's user, unless a URL of a higher precedence names its own.",
        |text| optional(text, values::text);
    PASSWORD: Option<SecretString> = "spring.datasource.password", "", Secret,
        "a password, or file:PATH of the file that holds it",
        "The password of the database's user.", |text| optional(text, values::secret);
    DRIVER: Option<String> = "spring.datasource.driver-class-name", "", Plain,
        "the Java driver of the database of spring.datasource.url",
        "A check alone: that the URL names the database that is meant.",
        |text| optional(text, values::text);
    HIKARI_DRIVER: Option<String> = "spring.datasource.hikari.driver-class-name", "", Plain,
        "the Java driver of the database of spring.datasource.url", "The same.",
        |text| optional(text, values::text);
    SCHEMA: Option<String> = "spring.datasource.hikari.schema", "", Plain,
        "the name of one schema of PostgreSQL; elsewhere the database's own name",
        "The schema that holds the tables; the first of the server's search path unless set. \
         currentSchema and options=-c search_path in the URL name it, too.",
        |text| optional(text, values::text);
    CATALOG: Option<String> = "spring.datasource.hikari.catalog", "", Plain,
        "the name of the database in spring.datasource.url",
        "A check alone: that the URL names the database that is meant.",
        |text| optional(text, values::text);
    HIBERNATE_SCHEMA: Option<String> = "spring.jpa.properties.hibernate.default_schema", "", Plain,
        "the name of one schema of PostgreSQL; elsewhere the database's own name",
        "The same as spring.datasource.hikari.schema.", |text| optional(text, values::text);
    HIBERNATE_CATALOG: Option<String> = "spring.jpa.properties.hibernate.default_catalog", "", Plain,
        "the name of the database in spring.datasource.url",
        "The same as spring.datasource.hikari.catalog.", |text| optional(text, values::text);
    AUTHORITIES: Option<PathBuf> = "order.database.ca-certificate", "", Plain,
        "the path of a file in PEM, with or without file: before it",
        "Whose signature on the certificate of the database server is trusted: the file of the authority, or of several. Those \
         that the machine trusts unless set. It is of use with sslmode=verify-ca and verify-full alone.",
        |text| optional(text, encryption::file);
    PROPERTIES: SecretString = "spring.datasource.hikari.data-source-properties.*", "", Secret,
        "what the same parameter in the URL may be",
        "Taken for parameters of the URL; a user or a password does not belong here.",
        values::secret;
}

/// A database, and where the tables are in it.
pub(super) struct Place {
    pub(super) database: Database,
    pub(super) schema: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) encryption: Option<Encryption>,
}

/// The classes of drivers, and what they are for; `None` for those that wrap any other.
const DRIVERS: &[(&str, Option<Kind>)] = &[
    ("org.sqlite.JDBC", Some(Kind::Sqlite)),
    ("org.postgresql.Driver", Some(Kind::Postgres)),
    ("com.mysql.cj.jdbc.Driver", Some(Kind::MySql)),
    ("com.mysql.jdbc.Driver", Some(Kind::MySql)),
    ("org.mariadb.jdbc.Driver", Some(Kind::MySql)),
    ("com.p6spy.engine.spy.P6SpyDriver", None),
    ("io.opentelemetry.instrumentation.jdbc.OpenTelemetryDriver", None),
    ("io.opentracing.contrib.jdbc.TracingDriver", None),
    ("net.sf.log4jdbc.sql.jdbcapi.DriverSpy", None),
];

pub(super) fn read(from: &mut Reader<'_>) -> Option<Place> {
    let location = from.read(&URL);
    let username = from.read(&USERNAME);
    let password = from.read(&PASSWORD);
    let drivers = [&DRIVER, &HIKARI_DRIVER].map(|key| (key, from.read(key)));
    let schemas = [&SCHEMA, &HIBERNATE_SCHEMA].map(|key| (key, from.read(key)));
    let catalogs = [&CATALOG, &HIBERNATE_CATALOG].map(|key| (key, from.read(key)));
    let authorities = from.read(&AUTHORITIES);
    let properties = from.family(&PROPERTIES);
    refuse_credentials_without_a_url(from);
    let (mut location, username, password) = (location?, username?, password?);
    give_credentials(&mut location, username, password, from);
    let Location { mut database, mut asked } = location;
    asked.wishes.files().for_each(|file| from.check_file(URL.row.name, file));
    add_properties(&mut asked, &database, properties?, from);
    let (encryption, is_bound) = settle_encryption(&asked, authorities?, from)?;
    if let Database::Postgres(server) = &mut database {
        server.needs_primary |= asked.needs_primary;
        server.is_bound = is_bound;
    }
    for (key, class) in drivers {
        check_driver(key, class?.as_deref(), &database, from);
    }
    for (key, schema) in schemas {
        settle_schema(key, schema?, &database, &mut asked, from);
    }
    for (key, catalog) in catalogs {
        check_catalog(key, catalog?.as_deref(), &database, from);
    }
    if !asked.without_effect.is_empty() {
        let (key, names) = (URL.row.name, asked.without_effect.join(", "));
        from.warn(format!("{key}: these parameters are without effect: {names}"));
    }
    Some(Place { database, schema: asked.schema, time_zone: asked.time_zone, encryption })
}

/// How connections are encrypted, and whether the login is bound to that.
fn settle_encryption(
    asked: &Asked,
    authorities: Option<PathBuf>,
    from: &mut Reader<'_>,
) -> Option<(Option<Encryption>, bool)> {
    match asked.wishes.settle(asked.dialect, authorities) {
        Ok(settled) => {
            if let Some(warning) = settled.warning {
                from.warn(format!("{}: {warning}", URL.row.name));
            }
            Some((settled.encryption, settled.is_bound))
        }
        Err(fault) => {
            from.refuse(&URL, &fault.0.unwrap_or_default());
            None
        }
    }
}

/// A user or a password is meant for a server. Without a URL the default would take its place, a file.
fn refuse_credentials_without_a_url(from: &mut Reader<'_>) {
    let given = match (from.is_set(&USERNAME), from.is_set(&PASSWORD)) {
        (true, _) => USERNAME.row.name,
        (false, true) => PASSWORD.row.name,
        (false, false) => return,
    };
    if !from.is_set(&URL) {
        let complaint = format!("is set, and {} is not: name the database, too", URL.row.name);
        from.complain(given.to_owned(), complaint);
    }
}

/// A URL with its own user goes before the user of a lower layer, such as a file's.
fn give_credentials(
    location: &mut Location,
    username: Option<String>,
    password: Option<SecretString>,
    from: &Reader<'_>,
) {
    let url_rank = from.rank(&URL);
    if let Some(server) = location.server() {
        let goes_first = server.username.is_none() || from.rank(&USERNAME) >= url_rank;
        server.username = username.filter(|_| goes_first).or(server.username.take());
        let goes_first = server.password.is_none() || from.rank(&PASSWORD) >= url_rank;
        server.password = password.filter(|_| goes_first).or(server.password.take());
    }
}

fn add_properties(
    asked: &mut Asked,
    database: &Database,
    properties: BTreeMap<String, SecretString>,
    from: &mut Reader<'_>,
) {
    for (name, value) in properties {
        let files = asked.wishes.files().count();
        let verdict = parameters::verdict(kind(database), &name, value.expose_secret());
        let added = match verdict {
            Verdict::User | Verdict::Password => Err(Some(
                "does not belong here: set spring.datasource.username and spring.datasource.password"
                    .into(),
            )),
            verdict => asked.add(&name, verdict).map_err(|fault| fault.0),
        };
        let name = PROPERTIES.row.name.replace('*', &name);
        asked.wishes.files().skip(files).for_each(|file| from.check_file(&name, file));
        if let Err(reason) = added {
            from.complain(name, reason.unwrap_or("is not known".into()).into_owned());
        }
    }
}

fn check_driver(
    key: &'static Key<Option<String>>,
    class: Option<&str>,
    database: &Database,
    from: &mut Reader<'_>,
) {
    let Some(class) = class else { return };
    let known = DRIVERS.iter().find(|(driver, _)| *driver == class);
    let fits = known.is_some_and(|(_, of)| of.is_none_or(|of| of == kind(database)));
    if !fits {
        from.refuse(key, "is not known, or is the driver of another kind of database");
    }
}

/// Takes the schema that a key names, if it is the only one.
fn settle_schema(
    key: &'static Key<Option<String>>,
    schema: Option<String>,
    database: &Database,
    asked: &mut Asked,
    from: &mut Reader<'_>,
) {
    let Some(schema) = schema else { return };
    match database {
        Database::Sqlite(_) => from.refuse(key, "SQLite has no schemas"),
        Database::MySql(_) => check_catalog(key, Some(&schema), database, from),
        Database::Postgres(_) => {
            let named = match parameters::schema(&schema) {
                // The pool quotes the name; Hibernate writes it into its statements as it is.
                Verdict::Schema(folded)
                    if key.row.name == SCHEMA.row.name && folded == schema.to_lowercase() =>
                {
                    schema
                }
                Verdict::Schema(folded) => folded,
                _ => return from.refuse(key, "names several schemas, or none"),
            };
            if asked.schema.as_ref().is_some_and(|other| *other != named) {
                return from.refuse(key, "is another schema than a further setting names");
            }
            asked.schema = Some(named);
        }
    }
}

fn check_catalog(
    key: &'static Key<Option<String>>,
    catalog: Option<&str>,
    database: &Database,
    from: &mut Reader<'_>,
) {
    let Some(catalog) = catalog else { return };
    match database {
        Database::Sqlite(_) => from.refuse(key, "SQLite has no catalogs"),
        Database::Postgres(server) | Database::MySql(server) if server.name != catalog => {
            from.refuse(key, "is another database than that of spring.datasource.url");
        }
        Database::Postgres(_) | Database::MySql(_) => {}
    }
}

fn kind(database: &Database) -> Kind {
    match database {
        Database::Sqlite(_) => Kind::Sqlite,
        Database::Postgres(_) => Kind::Postgres,
        Database::MySql(_) => Kind::MySql,
    }
}
