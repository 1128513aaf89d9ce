//! Imports between the files of a crate: they run one way. A module's head and its own children may know each other (the
//! head assembles them, they use what it defines); no other files import each other in a circle.
//!
//! Imports are found in the tokens of a file, so also in macros and attributes. Test modules are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::crates::documented;
use crate::{rust_files, text};

/// The path of a module from the root of its crate, which has the empty one.
type Module = Vec<String>;

/// Which modules a module imports; each is a file.
#[derive(Default)]
struct Graph(BTreeMap<Module, BTreeSet<Module>>);

fn module(file: &Path) -> Module {
    let mut path: Module =
        file.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if path == ["lib"] || path == ["main"] {
        path.clear();
    }
    path
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

/// Every path in the tokens (`a::b`, and those of `a::{b, c::d}`), with `before` in front of it.
fn paths(tokens: TokenStream, before: &[String], found: &mut Vec<Module>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(end) = test_module(&tokens[at..]) {
            at += end;
            continue;
        }
        // `pub(crate)` says who may import, and imports nothing.
        if ident(tokens.get(at)).is_some_and(|word| word == "pub")
            && let Some(TokenTree::Group(group)) = tokens.get(at + 1)
            && group.delimiter() == Delimiter::Parenthesis
        {
            at += 2;
            continue;
        }
        let mut path = before.to_vec();
        while let Some(name) = ident(tokens.get(at)) {
            path.push(name);
            at += 1;
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            at += 2;
        }
        match tokens.get(at) {
            Some(TokenTree::Group(group)) => {
                let is_tree = group.delimiter() == Delimiter::Brace
                    && at >= 2
                    && is_punct(tokens.get(at - 1), ':')
                    && is_punct(tokens.get(at - 2), ':');
                paths(group.stream(), if is_tree { &path } else { &[] }, found);
                if !is_tree {
                    found.push(path);
                }
                at += 1;
            }
            _ if path.len() > before.len() => found.push(path),
            _ => at += 1,
        }
    }
}

/// How many tokens an inline test module takes that begins here.
fn test_module(tokens: &[TokenTree]) -> Option<usize> {
    let TokenTree::Group(attribute) = tokens.get(1).filter(|_| is_punct(tokens.first(), '#'))?
    else {
        return None;
    };
    let is_test = attribute.stream().to_string().replace(' ', "") == "cfg(test)";
    let after = tokens.iter().skip(2);
    let is_module = ident(after.clone().next()).is_some_and(|word| word == "mod");
    (is_test && is_module).then_some(())?;
    let body = after.take(4).position(|token| matches!(token, TokenTree::Group(_)))?;
    Some(body + 3)
}

impl Graph {
    fn of_crate(name: &str) -> Self {
        let src = Path::new("crates").join(name).join("src");
        let files = rust_files(&src).into_iter().map(|file| {
            let below = file.strip_prefix(&src).unwrap().to_owned();
            (module(&below), file)
        });
        let files: BTreeMap<Module, PathBuf> =
            files.filter(|(module, _)| !module.iter().any(|part| part == "tests")).collect();
        let imports = files.iter().map(|(module, file)| {
            let mut found = Vec::new();
            paths(text(file).parse().expect("the file is Rust"), &[], &mut found);
            let imports = found.iter().filter_map(|path| resolved(path, module, &files));
            (module.clone(), imports.filter(|import| import != module).collect())
        });
        Self(imports.collect())
    }

    /// The groups of modules that reach each other, without the permitted ones.
    fn circles(&self) -> Vec<BTreeSet<Module>> {
        let all: BTreeSet<_> = self.0.keys().cloned().collect();
        let mut circles = Vec::new();
        for circle in self.components(&all, |_, _| true) {
            let head = circle.iter().min_by_key(|module| module.len()).unwrap();
            if circle.iter().all(|module| module.starts_with(head)) {
                // All are of one module: children may use what their own head defines.
                let to_own_head = |from: &Module, to: &Module| {
                    from.split_last().is_some_and(|(_, head)| head == to.as_slice())
                };
                circles.extend(self.components(&circle, |from, to| !to_own_head(from, to)));
            } else {
                circles.push(circle);
            }
        }
        circles
    }

    /// The groups of two and more of these modules that reach each other over imports that count.
    fn components(
        &self,
        among: &BTreeSet<Module>,
        counts: impl Fn(&Module, &Module) -> bool,
    ) -> Vec<BTreeSet<Module>> {
        let reached = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = next.pop() {
                for to in self.0[&module].intersection(among).filter(|to| counts(&module, to)) {
                    if seen.insert(to.clone()) {
                        next.push(to.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> =
            among.iter().map(|module| (module, reached(module))).collect();
        let in_circle = among.iter().filter(|module| reached[module].contains(*module));
        let groups = in_circle.map(|module| {
            let both = reached[module].iter().filter(|other| reached[other].contains(module));
            both.cloned().collect::<BTreeSet<_>>()
        });
        groups.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The file that a path leads to, if it is one of the crate.
fn resolved(path: &[String], from: &Module, files: &BTreeMap<Module, PathBuf>) -> Option<Module> {
    let deeper = |module: &[String], part: &String| [module, std::slice::from_ref(part)].concat();
    let (mut module, rest) = match path.first()?.as_str() {
        "crate" => (Module::new(), &path[1..]),
        "self" => (from.clone(), &path[1..]),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            (from.get(..from.len().checked_sub(ups)?)?.to_vec(), &path[ups..])
        }
        // A path may begin with a child, by its bare name.
        _ if path.len() > 1 && files.contains_key(&deeper(from, &path[0])) => (from.clone(), path),
        _ => return None,
    };
    for part in rest {
        let deeper = deeper(&module, part);
        if !files.contains_key(&deeper) {
            break;
        }
        module = deeper;
    }
    files.contains_key(&module).then_some(module)
}

#[test]
fn files_import_each_other_in_no_circle() {
    let mut found = Vec::new();
    for name in documented().into_keys() {
        for circle in Graph::of_crate(&name).circles() {
            let names = circle.iter().map(|module| module.join("::"));
            found.push(format!("{name}: {}", names.collect::<Vec<_>>().join(", ")));
        }
    }
    assert!(found.is_empty(), "files import each other in a circle:\n{}", found.join("\n"));
}
