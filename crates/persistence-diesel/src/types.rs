//! How our own SQL types are read and written on each database.

mod sqlite_time;

use std::io::Write as _;
use std::str::FromStr;

use chrono::NaiveDateTime;
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::mysql::{Mysql, MysqlValue};
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Numeric, Text, Timestamp};
use diesel::sqlite::{Sqlite, SqliteType};
use order_domain::{CancelReason, Currency, OrderStatus};
use rust_decimal::Decimal;

use crate::schema::sql_types;

/// How many decimals an amount has in SQLite, where it is a whole number.
const SCALE: u32 = 4;

/// `shard_position` is the shard times this number, plus the position, which is smaller.
pub(crate) const SHARD_SPAN: i64 = 1 << 48;

/// Invalid values are read as none, and never written.
const UNWRITABLE: &str = "there is nothing to write";

/// A UUID as sixteen bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Guid)]
pub(crate) struct Guid(pub uuid::Uuid);

/// The text of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Document)]
pub(crate) struct Document(pub String);

/// An exact number, or none where other programs wrote something else (PostgreSQL: `NaN`). The order
/// decides whether it is a valid amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = sql_types::Money)]
pub(crate) struct Money(pub Option<Decimal>);

/// A whole number, also of a column with fewer bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub(crate) struct Whole(pub i64);

/// A time, or none where other programs wrote something else. In SQLite it may have any of several forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamp)]
pub(crate) struct Time(pub Option<NaiveDateTime>);

/// One of a few words, or none where other programs wrote something else. It is kept as its meaning,
/// because a page of orders has many of them and each text would be an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Word<T: Spelled>(pub Option<T>);

/// A value that is stored as a word.
pub(crate) trait Spelled: Copy + FromStr + std::fmt::Debug + 'static {
    /// The word.
    fn spelling(self) -> &'static str;

    /// Reads the word as other programs may spell it, in capitals, without spaces around it.
    fn foreign(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The value of a column, or why it cannot be read: one broken value must not make all rows of a result
/// unreadable.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(crate) struct Lenient<T>(pub Result<T, String>);

impl<T, ST, DB> FromSql<ST, DB> for Lenient<T>
where
    DB: Backend,
    T: FromSql<ST, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(T::from_sql(value).map_err(|error| error.to_string())))
    }
}

impl FromSql<BigInt, Pg> for Whole {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let bytes = value.as_bytes();
        let four = |_| bytes.try_into().map(i32::from_be_bytes).map(i64::from);
        let two = |_| bytes.try_into().map(i16::from_be_bytes).map(i64::from);
        // Eight bytes first: the column of this service has them.
        let number = bytes.try_into().map(i64::from_be_bytes).or_else(four).or_else(two);
        Ok(Self(number?))
    }
}

impl FromSql<BigInt, Mysql> for Whole {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Mysql>>::from_sql(value).map(Self)
    }
}

impl FromSql<BigInt, Sqlite> for Whole {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Self)
    }
}

impl<DB> ToSql<BigInt, DB> for Whole
where
    DB: Backend,
    i64: ToSql<BigInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl FromSql<Timestamp, Sqlite> for Time {
    fn from_sql(mut value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(match value.value_type() {
            Some(SqliteType::Text | SqliteType::Long) => sqlite_time::read(value.read_text()),
            _ => None,
        }))
    }
}

impl<DB> ToSql<Timestamp, DB> for Time
where
    DB: Backend,
    NaiveDateTime: ToSql<Timestamp, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.as_ref().ok_or(UNWRITABLE)?.to_sql(out)
    }
}

impl Spelled for OrderStatus {
    fn spelling(self) -> &'static str {
        self.as_str()
    }

    /// Letters alone count: `InProgress`, `in progress` and `IN_PROGRESS` are one status.
    fn foreign(text: &str) -> Option<Self> {
        let letters = |text: &str| text.replace(|c: char| !c.is_ascii_alphabetic(), "");
        let spelled = letters(text);
        let status = Self::ALL.into_iter().find(|status| letters(status.as_str()) == spelled);
        status.or_else(|| text.parse().ok())
    }
}

impl Spelled for Currency {
    fn spelling(self) -> &'static str {
        self.code()
    }
}

impl Spelled for CancelReason {
    fn spelling(self) -> &'static str {
        self.as_str()
    }
}

impl<T: Spelled> Word<T> {
    pub(crate) fn read(text: &[u8]) -> Self {
        let text = std::str::from_utf8(text).ok();
        let foreign = |text: &str| T::foreign(&text.trim().to_ascii_uppercase());
        Self(text.and_then(|text| text.parse().ok().or_else(|| foreign(text))))
    }
}

/// The types that a server sends and takes as plain bytes; those of a JSON document are its text.
macro_rules! as_bytes {
    ($($db:ident),+) => {$(
        impl<T: Spelled> FromSql<Text, $db> for Word<T> {
            fn from_sql(value: <$db as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(Self::read(value.as_bytes()))
            }
        }

        impl FromSql<Timestamp, $db> for Time {
            fn from_sql(value: <$db as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(<NaiveDateTime as FromSql<Timestamp, $db>>::from_sql(value).ok()))
            }
        }

        impl ToSql<sql_types::Guid, $db> for Guid {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, $db>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<sql_types::Guid, $db> for Guid {
            fn from_sql(value: <$db as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(uuid::Uuid::from_slice(value.as_bytes())?))
            }
        }

        impl ToSql<sql_types::Document, $db> for Document {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, $db>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

    )+};
}

as_bytes!(Pg, Mysql);

/// The type `jsonb`, as an adopted table may have it. Its bytes are a version of the form, and then the text.
const JSONB: u32 = 3802;

impl FromSql<sql_types::Document, Pg> for Document {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let bytes = value.as_bytes();
        let is_binary = value.get_oid().get() == JSONB;
        let text = bytes.strip_prefix(&[1]).filter(|_| is_binary).unwrap_or(bytes);
        Ok(Self(std::str::from_utf8(text)?.to_owned()))
    }
}

impl FromSql<sql_types::Document, Mysql> for Document {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl<T: Spelled> FromSql<Text, Sqlite> for Word<T> {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self::read(text.as_bytes()))
    }
}

impl<T: Spelled, DB> ToSql<Text, DB> for Word<T>
where
    DB: Backend,
    str: ToSql<Text, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.ok_or(UNWRITABLE)?.spelling().to_sql(out)
    }
}

impl ToSql<sql_types::Guid, Sqlite> for Guid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Guid, Sqlite> for Guid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(uuid::Uuid::from_slice(&bytes)?))
    }
}

impl ToSql<sql_types::Document, Sqlite> for Document {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Document, Sqlite> for Document {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}

impl ToSql<sql_types::Money, Pg> for Money {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let number = self.0.as_ref().ok_or(UNWRITABLE)?;
        <Decimal as ToSql<Numeric, Pg>>::to_sql(number, &mut out.reborrow())
    }
}

impl ToSql<sql_types::Money, Mysql> for Money {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Mysql>) -> serialize::Result {
        write!(out, "{}", self.0.ok_or(UNWRITABLE)?)?;
        Ok(IsNull::No)
    }
}

impl ToSql<sql_types::Money, Sqlite> for Money {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        let mut scaled = self.0.ok_or(UNWRITABLE)?;
        scaled.rescale(SCALE);
        out.set_value(i64::try_from(scaled.mantissa())?);
        Ok(IsNull::No)
    }
}

impl FromSql<sql_types::Money, Pg> for Money {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(match ten_thousandths(value.as_bytes()) {
            Some(count) => Some(Decimal::from_i128_with_scale(count, SCALE)),
            None => <Decimal as FromSql<Numeric, Pg>>::from_sql(value).ok(),
        }))
    }
}

/// Reads the binary form of an amount (`numeric_send` in PostgreSQL's sources): the number of digits, the
/// weight of the first one, the sign, the decimals to show, and the digits to the base of ten thousand. A
/// page of orders has many amounts, and the general reader takes several times as long. `None` for other
/// numbers, and for amounts with more decimals.
fn ten_thousandths(bytes: &[u8]) -> Option<i128> {
    const MOST_DIGITS: usize = 6;
    /// Amounts have nineteen digits at most.
    const MORE_THAN_ANY: i128 = 10_000_000_000_000_000_000;
    let mut parts = bytes.chunks_exact(2).map(|part| match part {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    let count = usize::from(parts.next()?);
    let first = parts.next()?.cast_signed();
    let (sign, _shown) = (parts.next()?, parts.next()?);
    if sign != 0 || count > MOST_DIGITS || parts.len() != count {
        return None;
    }
    let digits =
        parts.fold(0_i128, |sum, digit| sum.saturating_mul(10_000).saturating_add(digit.into()));
    let missing = i32::from(first).checked_add(2)?.checked_sub(i32::try_from(count).ok()?)?;
    let missing = u32::try_from(missing).ok().filter(|missing| *missing <= 6)?;
    let number = digits.checked_mul(10_000_i128.saturating_pow(missing))?;
    (number < MORE_THAN_ANY).then_some(number)
}

impl FromSql<sql_types::Money, Mysql> for Money {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(<Decimal as FromSql<Numeric, Mysql>>::from_sql(value).ok()))
    }
}

impl FromSql<sql_types::Money, Sqlite> for Money {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let count = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
        Ok(Self(Some(Decimal::new(count, SCALE))))
    }
}

#[cfg(test)]
mod tests {
    use diesel::pg::data_types::PgNumeric;

    use super::*;

    /// The bytes that PostgreSQL sends for a number.
    fn sent(number: &str) -> Vec<u8> {
        let number: Decimal = number.parse().unwrap();
        let (digits, weight, scale, sign) = match PgNumeric::from(&number) {
            PgNumeric::Positive { weight, scale, digits } => (digits, weight, scale, 0_u16),
            PgNumeric::Negative { weight, scale, digits } => (digits, weight, scale, 0x4000),
            PgNumeric::NaN => panic!("a number"),
        };
        let count = u16::try_from(digits.len()).unwrap();
        let mut sent = Vec::new();
        sent.extend(count.to_be_bytes());
        sent.extend(weight.to_be_bytes());
        sent.extend(sign.to_be_bytes());
        sent.extend(scale.to_be_bytes());
        sent.extend(digits.iter().flat_map(|digit| digit.to_be_bytes()));
        sent
    }

    #[test]
    fn amounts_of_postgres_are_read_as_whole_ten_thousandths() {
        for (number, expected) in [
            ("0", 0),
            ("0.0001", 1),
            ("0.0100", 100),
            ("1", 10_000),
            ("323.97", 3_239_700),
            ("10000", 100_000_000),
            ("100000000", 1_000_000_000_000),
            ("100000000.0001", 1_000_000_000_001),
            ("999999999999999.9999", 9_999_999_999_999_999_999),
        ] {
            assert_eq!(ten_thousandths(&sent(number)), Some(expected), "{number}");
        }
    }

    #[test]
    fn other_numbers_are_left_to_the_general_reader() {
        let larger = ["1000000000000000", "1234567800000000000000000000"];
        let largest = "79228162514264337593543950335";
        for other in larger.into_iter().chain(["-1", "0.00001", "1.23456", largest]) {
            assert_eq!(ten_thousandths(&sent(other)), None, "{other}");
        }
        // NaN and infinity, and then amounts that are cut off.
        for sign in [0xC000_u16, 0xD000] {
            let [high, low] = sign.to_be_bytes();
            assert_eq!(ten_thousandths(&[0, 0, 0, 0, high, low, 0, 0]), None);
        }
        let whole = sent("323.97");
        for end in 0..whole.len() {
            assert_eq!(ten_thousandths(&whole[..end]), None);
        }
    }
}
