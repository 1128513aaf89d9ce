//! Query strings. An unknown parameter, or one that stands twice where it may stand once, is refused,
//! so that typing errors do not pass silently.

use actix_web::HttpRequest;
use actix_web::web;

use crate::problem::{Code, FieldError, Problem};

/// The parameters of a query string, and what was found wrong with them.
pub(crate) struct Query {
    left: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let left = web::Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|_| Problem::new(Code::InvalidParameter, "The query cannot be read."))?
            .into_inner();
        Ok(Self { left, errors: Vec::new() })
    }

    /// For operations without parameters in the query.
    pub(crate) fn refuse_any(request: &HttpRequest) -> Result<(), Problem> {
        Self::of(request)?.finish()
    }

    /// All values of a parameter that may be repeated, as they are.
    pub(crate) fn all(&mut self, name: &'static str) -> Vec<String> {
        let (mine, left) =
            std::mem::take(&mut self.left).into_iter().partition(|(key, _)| key == name);
        self.left = left;
        mine.into_iter().map(|(_, value): (_, String)| value).collect()
    }

    /// All values of a list: a parameter that may be repeated, and may have commas between values.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<String> {
        let values = self.all(name);
        values.iter().flat_map(|text| text.split(',')).map(|text| text.trim().to_owned()).collect()
    }

    /// A parameter that may stand once, read by `read`, which says what it must be.
    pub(crate) fn one<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let values = self.all(name);
        if values.len() > 1 {
            self.wrong(name, "invalid_value", "must stand once".to_owned());
        }
        match read(values.first()?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(name, "invalid_value", message);
                None
            }
        }
    }

    pub(crate) fn wrong(&mut self, name: &'static str, code: &'static str, message: String) {
        self.errors.push(FieldError::parameter(name.into(), code, message));
    }

    /// Refuses what was found wrong, and every parameter that was not read.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        let unknown = std::mem::take(&mut self.left);
        self.errors.extend(unknown.into_iter().map(|(name, _)| {
            FieldError::parameter(name.into(), "unknown_parameter", "is not a parameter here")
        }));
        let status = |error: &FieldError| error.code == "unknown_status";
        let (code, detail) = match &*self.errors {
            [] => return Ok(()),
            errors if errors.iter().all(status) => {
                (Code::UnknownStatus, "There is no such status.")
            }
            _ => (Code::InvalidParameter, "Parameters of the query are wrong."),
        };
        Err(Problem::new(code, detail).errors(self.errors))
    }
}

/// Reads an integer within bounds, both included, from plain digits.
pub(crate) fn integer(text: &str, least: i64, most: i64) -> Result<i64, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be an integer from {least} to {most}"))
}
