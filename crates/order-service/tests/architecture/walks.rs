//! The walks in `docs/architecture.md` are true: each file exists and defines the function of its row, and the file that the
//! row comes from calls it, or one of the two imports the other. The sequence diagram of a walk shows the files of its table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use crate::text;

/// A row of a walk.
#[derive(Debug)]
struct Step {
    file: PathBuf,
    function: String,
    /// The row that it is called or handed over from; the first row has none.
    from: Option<usize>,
}

/// A section with its table and its diagram.
struct Walk {
    title: String,
    steps: Vec<Step>,
    diagram: String,
}

fn walks() -> Vec<Walk> {
    let document = text(Path::new("docs/architecture.md"));
    let section = document.split("\n## Walks\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let sections = section.split("\n### ").skip(1);
    sections
        .map(|section| {
            let rows =
                section.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`"));
            let steps = rows.enumerate().map(|(index, row)| {
                let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
                let name = |cell: usize| cells[cell].trim_matches('`').to_owned();
                assert_eq!(cells[0].parse(), Ok(index + 1), "rows are numbered: {row}");
                Step {
                    file: Path::new("crates").join(name(1)),
                    function: name(2),
                    from: cells[3].parse().ok(),
                }
            });
            let diagram = section.split("```mermaid\n").nth(1).unwrap_or_default();
            Walk {
                title: section.lines().next().unwrap().to_owned(),
                steps: steps.collect(),
                diagram: diagram.split("```").next().unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

/// The words of a file, comments and texts apart; `fn` and the name after it also as one.
fn words(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let mut after_fn = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                if after_fn {
                    found.insert(format!("fn {word}"));
                } else {
                    found.insert(word.clone());
                }
                after_fn = word == "fn";
            }
            TokenTree::Group(group) => words(group.stream(), found),
            _ => {}
        }
    }
}

fn words_of(step: &Step) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    words(text(&step.file).parse().expect("the file is Rust"), &mut found);
    found
}

#[test]
fn each_step_of_a_walk_is_named_where_it_comes_from() {
    let walks = walks();
    assert!(walks.len() >= 3, "there are walks of a request, an event and a setting");
    for Walk { title, steps, .. } in &walks {
        assert!(steps.len() >= 4, "{title}: {} steps", steps.len());
        for (index, step) in steps.iter().enumerate() {
            let file = step.file.display();
            let defined = words_of(step).contains(&format!("fn {}", step.function));
            assert!(defined, "{title}: {file} does not define {}", step.function);
            assert_eq!(
                step.from.is_none(),
                index == 0,
                "{title}: the first row alone comes from none"
            );
            let Some(from) = step.from else { continue };
            let from = &steps[from - 1];
            let module = |step: &Step| step.file.file_stem().unwrap().to_str().unwrap().to_owned();
            let before = words_of(from);
            let is_called = before.contains(&step.function);
            let is_imported =
                before.contains(&module(step)) || words_of(step).contains(&module(from));
            assert!(
                is_called || is_imported,
                "{title}: {} does not lead to {file}",
                from.file.display()
            );
        }
    }
}

#[test]
fn the_diagram_of_a_walk_shows_the_files_of_its_table() {
    for Walk { title, steps, diagram } in walks() {
        let name = |step: &Step| step.file.file_name().unwrap().to_str().unwrap().to_owned();
        let listed: BTreeSet<_> = steps.iter().map(name).collect();
        let shown = diagram.split(|c: char| !(c.is_alphanumeric() || "._-".contains(c)));
        let is_file = |word: &&str| Path::new(word).extension().is_some_and(|end| end == "rs");
        let shown = shown.filter(is_file).map(ToOwned::to_owned);
        assert_eq!(shown.collect::<BTreeSet<_>>(), listed, "{title}");
    }
}
