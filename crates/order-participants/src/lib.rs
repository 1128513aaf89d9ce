//! Inventory and payment for trials and tests: what the order service's saga talks to, with behaviour by
//! test values and scripted faults. The [`ledger`] decides, and is pure.

pub mod ledger;
pub mod rules;
