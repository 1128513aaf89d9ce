//! The walks in `docs/architecture.md` are true: each file exists and defines the function of its row, and the file that the
//! row comes from calls it, or one of the two imports the other. The sequence diagram of a walk shows the files of its table.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{root, text};

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

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn is_parentheses(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

/// The names in a file, comments and texts apart.
#[derive(Default)]
struct Names {
    defined: BTreeSet<String>,
    /// Functions and methods that are called, or named by a path.
    called: BTreeSet<String>,
    /// Modules in paths and imports, and those that the file declares.
    modules: BTreeSet<String>,
}

impl Names {
    fn of(file: &Path) -> Self {
        let mut names = Self::default();
        names.add(text(file).parse().expect("the file is Rust"), false);
        names
    }

    /// Whether they have the module in a file, or the module above it, if that has the file's in turn.
    fn imports(&self, file: &Path) -> bool {
        let has = |names: &Self, file: &Path| {
            names.modules.contains(file.file_stem().unwrap().to_str().unwrap())
        };
        let above = file.parent().unwrap().with_extension("rs");
        has(self, file)
            || (root().join(&above).exists() && has(self, &above) && has(&Self::of(&above), file))
    }

    fn add(&mut self, tokens: TokenStream, mut in_use: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| tokens.get(index));
            let after = tokens.get(index + 1);
            match token {
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    in_use |= word == "use";
                    let keyword = before.map(ToString::to_string).unwrap_or_default();
                    let path_goes_on = is_colon(after) && is_colon(tokens.get(index + 2));
                    let is_end_of_path = is_colon(before)
                        && index.checked_sub(2).is_some_and(|index| is_colon(tokens.get(index)));
                    let has_arguments = is_parentheses(after);
                    if keyword == "fn" {
                        self.defined.insert(word);
                    } else if in_use || path_goes_on || keyword == "mod" {
                        self.modules.insert(word);
                    } else if has_arguments || is_end_of_path {
                        self.called.insert(word);
                    }
                }
                TokenTree::Punct(punct) => in_use &= punct.as_char() != ';',
                TokenTree::Group(group) => self.add(group.stream(), in_use),
                TokenTree::Literal(_) => {}
            }
        }
    }
}

#[test]
fn each_step_of_a_walk_is_named_where_it_comes_from() {
    let walks = walks();
    assert!(walks.len() >= 3, "there are walks of a request, an event and a setting");
    for Walk { title, steps, .. } in &walks {
        assert!(steps.len() >= 4, "{title}: {} steps", steps.len());
        for (index, step) in steps.iter().enumerate() {
            let file = step.file.display();
            let names = Names::of(&step.file);
            let is_defined = names.defined.contains(&step.function);
            assert!(is_defined, "{title}: {file} does not define {}", step.function);
            assert_eq!(
                step.from.is_none(),
                index == 0,
                "{title}: the first row alone comes from none"
            );
            let Some(from) = step.from else { continue };
            let from = &steps[from - 1];
            let before = Names::of(&from.file);
            let is_called = before.called.contains(&step.function);
            let is_imported = before.imports(&step.file) || names.imports(&from.file);
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
