//! The active profiles, under Spring's name.

use crate::catalogue::keys;
use crate::values::{self, list};

keys! {
    pub ROWS;
    pub PROFILES: Vec<String> = "spring.profiles.active", "", Plain,
        "profile names with commas between them, of letters, digits and - _ . + @",
        "The profiles whose files are read as well; the last one wins.",
        |text| list(text, values::profile);
}
