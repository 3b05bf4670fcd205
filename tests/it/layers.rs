//! The order of the modules in `src/`: a module uses only modules to its left, and no files use each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Each layer, with the layers that it may use besides `error` and itself.
const LAYERS: [(&str, &[&str]); 11] = [
    ("workers", &[]),
    ("error", &[]),
    ("plain_file", &[]),
    ("random", &[]),
    ("models", &["random", "plain_file"]),
    ("scan", &["random", "models"]),
    ("batches", &["random", "models", "scan"]),
    ("flight", &["random", "models", "scan", "batches", "plain_file"]),
    ("parquet_files", &["random", "models", "scan", "batches", "workers", "plain_file"]),
    ("verify", &["random", "models", "scan", "batches", "workers"]),
    ("cli", &["random", "models", "scan", "batches", "workers", "plain_file", "flight", "parquet_files", "verify"]),
];

/// Layers that know no crate of [`OUTER_CRATES`].
const PURE_LAYERS: [&str; 4] = ["error", "random", "models", "scan"];

const OUTER_CRATES: [&str; 7] = ["arrow", "arrow_flight", "arrow_ipc", "parquet", "tonic", "tokio", "clap"];

/// The names from the root of the crate to an item or a module: `["tables", "usage"]`.
type Names = Vec<String>;

/// The modules of a crate by their names. The root has none.
type Modules = BTreeMap<Names, Module>;

/// A source file, as far as it names other files.
struct Module {
    file: String,
    /// Every `use`, with braces taken apart.
    imports: Vec<Import>,
    /// Every path that stands in the code: `crate::a::b`, `super::b`, `child::b`.
    paths: Vec<Names>,
}

struct Import {
    /// The name that the import has in this module.
    name: String,
    path: Names,
    /// Whether it only re-exports a name for other files, which then use the file that defines it.
    is_only_reexport: bool,
}

#[test]
fn no_module_uses_one_to_its_right() {
    let modules = modules(&source_files());
    let mut uses = 0;
    for (names, module) in modules.iter().filter(|(names, _)| !names.is_empty()) {
        let layer = names[0].as_str();
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer).unwrap_or_else(|| panic!("{layer} is new"));
        for path in module.imports.iter().map(|import| &import.path).chain(&module.paths) {
            let Some(path) = absolute(&modules, names, path) else {
                let outer = path[0].as_str();
                let is_allowed = !PURE_LAYERS.contains(&layer) || !OUTER_CRATES.contains(&outer);
                assert!(is_allowed, "{}: {layer} may not use the crate {outer}", module.file);
                continue;
            };
            let Some(used) = path.first() else { continue };
            uses += 1;
            let is_layer = LAYERS.iter().any(|(layer, _)| layer == used);
            assert!(is_layer, "{}: crate::{used} is no layer", module.file);
            let is_left = used == "error" || used == layer || allowed.contains(&used.as_str());
            assert!(is_left, "{}: {layer} may not use {used}", module.file);
        }
    }
    assert!(uses > 500, "only {uses} uses found: the test can't read the sources any more");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles = circles(&modules(&source_files()));
    assert!(circles.is_empty(), "{} circles of files:\n\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn a_circle_is_shown_with_the_names_that_tie_it() {
    let found = circles_of(&[
        ("src/lib.rs", "pub mod a;"),
        ("src/a/mod.rs", "mod b; mod c; pub use c::Cup; pub(crate) struct Jug; fn pour() { b::fill(); }"),
        ("src/a/b.rs", "use super::{Cup, d::{self, Dish}}; pub(super) fn fill() { d::wash::<Dish>() }"),
        ("src/a/c.rs", "// use super::b::Nothing;\npub struct Cup; const TEXT: &str = \"super::b::fill\";"),
        ("src/a/d.rs", "pub struct Dish; pub fn wash<T>() -> crate::a::Jug { super::Jug }"),
    ]);
    let circle = "src/a/b.rs\n  uses Dish, wash of src/a/d.rs\n  uses Jug of src/a/mod.rs\n  uses fill of src/a/b.rs\n";
    assert_eq!(found, [circle]);
}

#[test]
fn every_circle_is_shown() {
    let found = circles_of(&[
        ("src/lib.rs", "pub mod a; pub mod b;"),
        ("src/a.rs", "pub use crate::b::c::C; pub struct A(C);"),
        ("src/b/mod.rs", "pub mod c; pub mod d;"),
        ("src/b/c.rs", "use super::d::D as Other; use crate::a::A; pub struct C(A);"),
        ("src/b/d.rs", "pub type D = super::c::C;"),
    ]);
    let expected = [
        "src/a.rs\n  uses C of src/b/c.rs\n  uses A of src/a.rs\n",
        "src/b/c.rs\n  uses D of src/b/d.rs\n  uses C of src/b/c.rs\n",
    ];
    assert_eq!(found, expected);
}

#[test]
fn declarations_reexports_and_tests_make_no_circle() {
    let found = circles_of(&[
        ("src/lib.rs", "pub mod a;"),
        ("src/a/mod.rs", "mod b; mod c; pub use b::B; pub(crate) use c::{C, D as E}; pub struct A; use std::fmt;"),
        ("src/a/b.rs", "use super::A; use super::fmt; pub struct B<'a>(&'a A, char);"),
        ("src/a/c.rs", "use crate::a::B; pub struct C; pub(in crate::a) struct D; use arrow::array::Array;"),
        ("src/a/d.rs", "pub use super::E; #[cfg(test)] mod tests { use crate::a::b::B; fn t() { '{'; \"}\"; } }"),
    ]);
    assert_eq!(found, [""; 0]);
}

fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let owned = files.iter().map(|(file, text)| ((*file).to_string(), (*text).to_string()));
    circles(&modules(&owned.collect::<Vec<_>>()))
}

/// The files of the library with their text.
pub fn source_files() -> Vec<(String, String)> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn modules(files: &[(String, String)]) -> Modules {
    let of_library = files.iter().filter(|(file, _)| file != "src/main.rs");
    of_library
        .map(|(file, text)| {
            let path = file.trim_start_matches("src/").trim_end_matches(".rs");
            let is_named = |name: &&str| !["lib", "mod"].contains(name);
            (path.split('/').filter(is_named).map(str::to_string).collect(), Module::new(file, text))
        })
        .collect()
}

impl Module {
    fn new(file: &str, text: &str) -> Self {
        let mut module = Self { file: file.to_string(), imports: Vec::new(), paths: Vec::new() };
        let tokens = tokens(text);
        // The tokens outside of imports and tests.
        let mut code = Vec::new();
        let starts_with = |at: usize, pattern: &[&str]| tokens[at..].starts_with(pattern);
        let mut at = 0;
        while at < tokens.len() {
            if starts_with(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
                at = end_of_item(&tokens, at);
            } else if starts_with(at, &["pub", "("]) {
                // `pub(in crate::a)` names a module and uses nothing of it.
                at += tokens[at..].iter().position(|token| *token == ")").unwrap();
            } else if tokens[at] == "use" && tokens.get(at + 1).is_some_and(|next| *next != "<") {
                let end = at + tokens[at..].iter().position(|token| *token == ";").unwrap();
                let is_reexport = at > 0 && ["pub", ")"].contains(&tokens[at - 1]);
                module.add_imports(&tokens[at + 1..end], &Vec::new(), is_reexport);
                at = end;
            } else if starts_with(at + 1, &["::"]) && is_name(tokens[at]) && (at == 0 || tokens[at - 1] != "::") {
                let mut path = vec![tokens[at].to_string()];
                while starts_with(at + 1, &["::"]) && tokens.get(at + 2).is_some_and(|next| is_name(next)) {
                    path.push(tokens[at + 2].to_string());
                    at += 2;
                }
                module.paths.push(path);
            } else {
                code.push(tokens[at]);
            }
            at += 1;
        }
        for import in &mut module.imports {
            let is_type = import.name.starts_with(char::is_uppercase);
            let is_mentioned = |pair: &[&str]| pair[0] == import.name && (is_type || pair[1] == "(");
            import.is_only_reexport &= !code.windows(2).any(is_mentioned);
        }
        module
    }

    /// Takes a tree of a `use` apart: `a::{self, b as c}` under `before`.
    fn add_imports(&mut self, tree: &[&str], before: &Names, is_reexport: bool) {
        let mut path = before.clone();
        let mut at = 0;
        while at < tree.len() && tree[at] != "{" && tree[at] != "as" {
            path.extend((tree[at] != "::" && (tree[at] != "self" || before.is_empty())).then(|| tree[at].to_string()));
            at += 1;
        }
        if tree.get(at) == Some(&"{") {
            let (mut depth, mut start) = (0, at + 1);
            for place in at..tree.len() {
                depth += i32::from(tree[place] == "{") - i32::from(tree[place] == "}");
                let ends = (tree[place] == "," && depth == 1) || depth == 0;
                if ends && start < place {
                    self.add_imports(&tree[start..place], &path, is_reexport);
                }
                start = if ends { place + 1 } else { start };
            }
        } else if let Some(last) = path.last() {
            let name = tree.get(at + 1).map_or(last.as_str(), |alias| alias).to_string();
            self.imports.push(Import { name, path, is_only_reexport: is_reexport });
        }
    }
}

/// The names, signs and strings of Rust code, without comments and characters.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
        let is_raw = matches!(found.last(), Some(&("r" | "br"))) && rest.trim_start_matches('#').starts_with('"');
        let is_string = is_raw || first == '"';
        let length = if rest.starts_with("//") {
            after("\n", 0)
        } else if rest.starts_with("/*") {
            after("*/", 0)
        } else if is_raw {
            let hashes = rest.find('"').unwrap();
            after(&format!("\"{}", &rest[..hashes]), hashes + 1)
        } else if first == '"' {
            end_of_string(rest)
        } else if first == '\'' && rest[1..].starts_with('\\') {
            after("'", 3)
        } else if first == '\'' && rest.chars().nth(2) == Some('\'') {
            rest.chars().take(3).map(char::len_utf8).sum()
        } else if rest.starts_with("::") {
            found.push("::");
            2
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            found.push(&rest[..length]);
            length
        } else {
            found.extend((!first.is_whitespace()).then(|| &rest[..first.len_utf8()]));
            first.len_utf8()
        };
        found.extend(is_string.then(|| &rest[..length]));
        rest = &rest[length..];
    }
    found
}

/// Returns the end of the string that `text` begins with.
fn end_of_string(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '"' => return at + 1,
            _ => (),
        }
    }
    text.len()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The last token of the item that begins at `start`: a semicolon, or the brace that closes its body.
pub fn end_of_item(tokens: &[&str], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        if depth == 0 && (*token == ";" || *token == "}") {
            return at;
        }
    }
    tokens.len()
}

/// Returns `path`, written in `module`, from the root of the crate. Returns `None` if it leads to another crate, or to an
/// item of the module itself.
fn absolute(modules: &Modules, module: &Names, path: &[String]) -> Option<Names> {
    let child: Names = module.iter().chain(&path[..1]).cloned().collect();
    let mut base = match path[0].as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module[..module.len() - 1].to_vec(),
        _ if modules.contains_key(&child) => child,
        name => {
            // A first name that is imported, as in `use crate::model; model::Day`.
            let import = modules[module].imports.iter().find(|import| import.name == name && import.path[0] != name)?;
            absolute(modules, module, &import.path)?
        }
    };
    for name in &path[1..] {
        if name == "super" {
            base.pop();
        } else {
            base.push(name.clone());
        }
    }
    Some(base)
}

/// The file that defines the item at `path`, and the item's name. `None` where `path` leads to a module.
fn definition(modules: &Modules, path: &[String]) -> Option<(String, String)> {
    let mut module = Names::new();
    for (place, name) in path.iter().enumerate() {
        let rest = &path[place + 1..];
        let import = modules[&module].imports.iter().find(|import| import.name == *name);
        let child: Names = module.iter().chain([name]).cloned().collect();
        // A module and an item may have the same name: only the module has names within.
        if modules.contains_key(&child) && (import.is_none() || !rest.is_empty()) {
            module = child;
            continue;
        }
        let imported = import.and_then(|import| absolute(modules, &module, &import.path));
        return match imported {
            Some(imported) => definition(modules, &[&imported, rest].concat()),
            None => Some((modules[&module].file.clone(), name.clone())),
        };
    }
    None
}

/// The circles of files that use each other, shortest first. For each use within a circle, the shortest circle through
/// it is in the list.
fn circles(modules: &Modules) -> Vec<String> {
    let mut uses: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (names, module) in modules {
        let imports = module.imports.iter().filter(|import| !import.is_only_reexport).map(|import| &import.path);
        for path in imports.chain(&module.paths) {
            let used = absolute(modules, names, path).and_then(|path| definition(modules, &path));
            if let Some((file, name)) = used.filter(|(file, _)| *file != module.file) {
                uses.entry(module.file.clone()).or_default().entry(file).or_default().insert(name);
            }
        }
    }
    let mut circles = BTreeSet::new();
    for (file, used) in &uses {
        for next in used.keys() {
            let Some(mut circle) = shortest_way(&uses, next, file) else { continue };
            let least = circle.iter().min().unwrap();
            let start = circle.iter().position(|file| file == least).unwrap();
            circle.rotate_left(start);
            circles.insert((circle.len(), circle));
        }
    }
    let shown = |(_, circle): &(usize, Vec<&String>)| {
        let mut text = format!("{}\n", circle[0]);
        for (place, file) in circle.iter().enumerate() {
            let next = circle[(place + 1) % circle.len()];
            let names: Vec<&str> = uses[*file][next].iter().map(String::as_str).collect();
            text += &format!("  uses {} of {next}\n", names.join(", "));
        }
        text
    };
    circles.iter().map(shown).collect()
}

/// The files on the shortest way along `uses`, both ends included.
fn shortest_way<'a>(
    uses: &'a BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    from: &'a String,
    to: &'a String,
) -> Option<Vec<&'a String>> {
    let mut before = BTreeMap::from([(from, from)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(file) = waiting.pop_front() {
        if file == to {
            let mut way = vec![to];
            while way[way.len() - 1] != from {
                way.push(before[way[way.len() - 1]]);
            }
            way.reverse();
            return Some(way);
        }
        for next in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            if !before.contains_key(next) {
                before.insert(next, file);
                waiting.push_back(next);
            }
        }
    }
    None
}
