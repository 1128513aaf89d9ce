//! A folder of frozen messages, one a file, and the list of their sums: no file of the list changes or
//! goes. A new file is taken into the list by `UPDATE_DOCS=1`; a line is never taken out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

const SUMS: &str = "SHA256SUMS";

/// The files by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = entries.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
    })
    .collect()
}

/// The messages by the names of their files.
pub(crate) fn messages(folder: &Path) -> BTreeMap<String, Value> {
    let parse = |(name, text): (_, Vec<u8>)| (name, serde_json::from_slice(&text).unwrap());
    files(folder).into_iter().map(parse).collect()
}

/// The headers of a message.
pub(crate) fn headers(message: &Value) -> Vec<(&str, &str)> {
    message["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect()
}

/// Fails when a file of the list was changed or removed, or a file is not in the list.
pub(crate) fn check(folder: &Path) {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let list = folder.join(SUMS);
    let mut text = fs::read_to_string(&list).unwrap_or_default();
    let frozen: BTreeMap<String, String> = text
        .lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
        .collect();
    let sum = |content: &[u8]| -> String {
        let bytes = Sha256::digest(content);
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    let files = files(folder);
    for (name, frozen) in &frozen {
        let now = files.get(name).map(|content| sum(content));
        assert_eq!(now.as_ref(), Some(frozen), "{name}: what was published is not changed");
    }
    for (name, content) in files.iter().filter(|(name, _)| !frozen.contains_key(*name)) {
        assert!(update, "{name} is new; UPDATE_DOCS=1 takes it into {SUMS}");
        writeln!(text, "{}  {name}", sum(content)).unwrap();
    }
    if update {
        fs::write(&list, text).unwrap();
    }
}
