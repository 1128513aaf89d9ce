//! Which migrations have run, which have not, and which are of a newer release.

use diesel::QueryableByName;
use diesel::migration::MigrationSource;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::sql_types::Text;
use diesel_async::{AsyncConnectionCore, RunQueryDsl as _};
use order_app::ports::BoxError;

use super::catalogue::{MARKS, MIGRATED};
use super::{Connection, MIGRATIONS};
use crate::adopt::Name;
use crate::migrate::TooOld;

/// The versions of the migrations that have run, as diesel keeps them.
const RUN: &str = "SELECT version AS name FROM __diesel_schema_migrations";

/// The first migration that says of itself whether older releases may serve.
const FIRST_MARKED: &str = "0010";
/// The migration that adds sagas.
const SAGAS: &str = "0011";

/// What a migration says of itself.
#[derive(QueryableByName)]
struct Mark {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Text)]
    name: String,
    /// `yes` if releases that do not know it may serve.
    #[diesel(sql_type = Text)]
    older_may_serve: String,
}

pub(super) async fn names(connection: &mut Connection, query: &str) -> QueryResult<Vec<Name>> {
    diesel::sql_query(query).load(connection).await
}

/// Whether the table has the columns that a migration adds. The user may have no right to look into the list of migrations.
pub(super) async fn is_migrated(connection: &mut Connection) -> QueryResult<bool> {
    Ok(!names(connection, MIGRATED).await?.is_empty())
}

/// Every migration, by its version and its name.
pub(crate) fn all() -> Result<Vec<(String, String)>, BoxError> {
    let all =
        MigrationSource::<<Connection as AsyncConnectionCore>::Backend>::migrations(&MIGRATIONS)?;
    Ok(all.iter().map(|one| (one.name().version().to_string(), one.name().to_string())).collect())
}

/// The names of the migrations that have not run. It changes nothing, where diesel would make its list of those that have. An error
/// if a newer release has run one beside which older ones may not serve.
pub(crate) async fn pending(connection: &mut Connection) -> Result<Vec<String>, BoxError> {
    newer(connection).await?;
    let mut all = all()?;
    let run: Vec<String> = match names(connection, RUN).await {
        Ok(run) => run.into_iter().map(|one| one.name).collect(),
        // The user may have no right to look into the list. Then the rows tell that the migrations have written themselves.
        Err(_) if is_migrated(connection).await? => {
            all.retain(|(version, _)| &**version >= FIRST_MARKED);
            marks(connection).await?.into_iter().map(|mark| mark.version).collect()
        }
        Err(_) => vec![],
    };
    all.retain(|(version, _)| !run.contains(version));
    Ok(all.into_iter().map(|(_, name)| name).collect())
}

/// Whether the migration that adds sagas has run. It says so before it changes anything, so that one that was interrupted is known, too.
pub(super) async fn has_sagas(connection: &mut Connection) -> Result<bool, BoxError> {
    Ok(marks(connection).await?.iter().any(|mark| mark.version == SAGAS))
}

/// Sentences about the migrations that have run and that this release does not know. An error if one says that older releases may
/// not serve.
pub(super) async fn newer(connection: &mut Connection) -> Result<Vec<String>, BoxError> {
    let known = all()?;
    let is_newer = |version: &str| known.iter().all(|(one, _)| one != version);
    let marks = marks(connection).await?;
    if marks.is_empty() {
        return Ok(vec![]);
    }
    let (may, may_not): (Vec<_>, Vec<_>) = marks
        .iter()
        .filter(|mark| is_newer(&mark.version))
        .partition(|mark| mark.older_may_serve == "yes");
    if !may_not.is_empty() {
        return Err(TooOld(may_not.into_iter().map(|mark| mark.name.clone()).collect()).into());
    }
    let mut sentences: Vec<_> = may
        .iter()
        .map(|mark| {
            format!("a newer release has run the migration {}, and this one may serve", mark.name)
        })
        .collect();
    // The user may have no right to look into the list.
    let run = names(connection, RUN).await.unwrap_or_default();
    let is_unmarked = |version: &str| marks.iter().all(|mark| mark.version != version);
    let unmarked = run.iter().filter(|run| is_newer(&run.name) && is_unmarked(&run.name));
    sentences.extend(unmarked.map(|run| {
        format!(
            "a migration has run that this release does not know, and that does not say whether \
             older ones may serve: {}",
            run.name
        )
    }));
    Ok(sentences)
}

/// What the migrations say of themselves; nothing before the one that makes the table.
async fn marks(connection: &mut Connection) -> Result<Vec<Mark>, BoxError> {
    if let Some(query) = MARKS
        && names(connection, query).await?.is_empty()
    {
        return Ok(vec![]);
    }
    let marks = "SELECT version, name, older_may_serve FROM schema_compatibility ORDER BY version";
    match diesel::sql_query(marks).load(connection).await {
        Ok(marks) => Ok(marks),
        // Its catalogue hides what is not granted, so only the error tells whether the table is there.
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, told))
            if MARKS.is_none() && !told.message().contains("denied") =>
        {
            Ok(vec![])
        }
        Err(error) => Err(format!(
            "whether a newer release has changed the tables is not known, because \
             schema_compatibility cannot be read: {error}; GRANT SELECT ON schema_compatibility \
             to this user"
        )
        .into()),
    }
}
