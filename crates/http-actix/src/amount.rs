//! How answers spell amounts.

use order_domain::AmountText;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::app::AmountForm;

/// An amount, with its currency's decimals: the digits are the same in both forms.
pub(crate) struct Spelled(pub(crate) AmountText, pub(crate) AmountForm);

impl Serialize for Spelled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            AmountForm::Text => serializer.serialize_str(self.0.as_str()),
            AmountForm::Number => serde_json::from_str::<&RawValue>(self.0.as_str())
                .map_err(S::Error::custom)?
                .serialize(serializer),
        }
    }
}
