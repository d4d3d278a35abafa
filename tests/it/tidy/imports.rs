//! Imports run one way: between the library's modules, and between the files within one.
//!
//! A path counts for the file that defines what it names, however it is written: with `super::`, by
//! way of an imported module, or by a name that a facade re-exports. A file that reaches a sibling
//! through their common parent imports the parent as well, which imports its parts: a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Names, Path};
use super::{Source, assert_none, rust_files};

/// Each module of the library, and the modules that it may import from. `program` may import from
/// all of them, and none from it.
const MAY_IMPORT: [(&str, &[&str]); 16] = [
    ("access_log", &["http", "lock", "quantity", "text"]),
    ("auth", &["gate", "http", "lock"]),
    ("gate", &["lock"]),
    ("http", &[]),
    ("lock", &[]),
    ("log_once", &["lock"]),
    ("memory", &["lock"]),
    ("net", &["gate", "lock", "log_once", "memory"]),
    ("outgoing", &[]),
    ("quantity", &[]),
    ("sandbox", &[]),
    ("serve", &["access_log", "auth", "gate", "http", "lock", "net", "site", "transfers"]),
    ("signals", &[]),
    ("site", &["auth", "gate", "http", "lock", "log_once", "memory", "quantity", "text"]),
    ("text", &[]),
    ("transfers", &["access_log", "lock", "quantity"]),
];

/// What the pure module must not touch: the clock, files, sockets, processes, threads, the log.
const IMPURE: [&str; 13] = [
    "libc",
    "log",
    "rustix",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
];

/// A response may hold an open file. Whatever is done with one has a longer path.
const PURE: &str = "std::fs::File";

/// The files of a crate by their modules, the root's being empty.
struct Crate {
    modules: BTreeMap<Path, Names>,
}

/// What a path stands for.
enum Meaning {
    /// Something of this crate: the path from its root.
    Own(Path),
    /// Something of another crate: the whole path.
    Foreign(Path),
}

impl Crate {
    fn new<'a>(files: impl IntoIterator<Item = (Path, &'a str)>) -> Self {
        let names = |(module, code)| (module, Names::of(code));
        Self { modules: files.into_iter().map(names).collect() }
    }

    /// The library, without its tests. `main.rs` is another crate.
    fn library(sources: &[Source]) -> Self {
        let sources = sources.iter().filter(|source| !source.is_test());
        let files = sources.map(|source| (module_of(source), source.product()));
        Self::new(files.filter(|(module, _)| module != &["main"]))
    }

    /// What a path that is written in `module` stands for.
    fn meaning(&self, module: &[String], path: &[String]) -> Meaning {
        let (first, rest) = path.split_first().expect("a path has a name");
        let is_child = self.modules.contains_key(&[module, &path[..1]].concat());
        match first.as_str() {
            "crate" => Meaning::Own(rest.to_vec()),
            "self" => Meaning::Own([module, rest].concat()),
            "super" => {
                let (_, parent) = module.split_last().expect("the root has no parent");
                match rest.first() {
                    Some(next) if next == "super" => self.meaning(parent, rest),
                    _ => Meaning::Own([parent, rest].concat()),
                }
            }
            _ if is_child => Meaning::Own([module, path].concat()),
            _ => match self.imported(module, first).filter(|import| !path.starts_with(import)) {
                Some(import) => self.meaning(module, &[import, rest].concat()),
                None => Meaning::Foreign(path.to_vec()),
            },
        }
    }

    /// What `name` was imported as in that module.
    fn imported(&self, module: &[String], name: &str) -> Option<&[String]> {
        let mut imports = self.modules.get(module)?.imports.iter();
        imports.find(|import| import.name == name).map(|import| &import.path[..])
    }

    /// The modules that a path from the root leads to: those that re-export what it names, and last
    /// the one that defines it. Of another crate's items, only the former.
    fn modules_of(&self, path: &[String]) -> Vec<Path> {
        let mut length = 0;
        while length < path.len() && self.modules.contains_key(&path[..=length]) {
            length += 1;
        }
        let (module, rest) = path.split_at(length);
        let mut modules = vec![module.to_vec()];
        let import = rest.first().and_then(|name| self.imported(module, name));
        if let Some(import) = import
            && let Meaning::Own(path) = self.meaning(module, &[import, &rest[1..]].concat())
        {
            modules.extend(self.modules_of(&path));
        }
        modules
    }

    /// Everything that a module names, imported or in its code.
    fn meanings(&self, module: &[String]) -> impl Iterator<Item = Meaning> {
        let names = &self.modules[module];
        let imports = names.imports.iter().map(|import| &import.path);
        let module = module.to_vec();
        imports.chain(&names.paths).map(move |path| self.meaning(&module, path))
    }

    /// The modules that a module imports from.
    fn imports(&self, module: &[String]) -> BTreeSet<Path> {
        let mut imported = BTreeSet::new();
        for meaning in self.meanings(module) {
            let Meaning::Own(path) = meaning else { continue };
            let mut modules = self.modules_of(&path);
            imported.extend(modules.pop());
            imported.extend(modules.into_iter().filter(|facade| module.starts_with(facade)));
        }
        imported.remove(module);
        imported
    }

    /// Each circle of modules that import each other, from the first of its modules to itself.
    fn circles(&self) -> Vec<String> {
        let graph: BTreeMap<_, _> =
            self.modules.keys().map(|module| (module.clone(), self.imports(module))).collect();
        let mut circles = Vec::new();
        for start in graph.keys() {
            let mut seen = BTreeSet::new();
            // Modules before the start had their turn.
            let mut trails = vec![vec![start]];
            while let Some(trail) = trails.pop() {
                let next = graph[trail[trail.len() - 1]].range(start.clone()..);
                for module in next {
                    let trail = [&trail[..], &[module]].concat();
                    if module == start {
                        let names: Vec<_> = trail.into_iter().map(|it| name(it)).collect();
                        circles.push(names.join(" -> "));
                    } else if seen.insert(module) {
                        trails.push(trail);
                    }
                }
            }
        }
        circles
    }

    /// Imports between the top modules that the rules don't have.
    fn forbidden_imports(&self, may_import: &[(&str, &[&str])]) -> Vec<String> {
        let mut offences = Vec::new();
        for module in self.modules.keys() {
            let Some(top) = module.first().filter(|top| *top != "program") else { continue };
            let Some((_, allowed)) = may_import.iter().find(|(name, _)| name == top) else {
                offences.push(format!("{top} has no rule"));
                continue;
            };
            for imported in self.imports(module) {
                let imported_top = imported.first().map_or("the root", |top| top);
                if imported_top != top && !allowed.contains(&imported_top) {
                    offences.push(format!("{} imports {}", name(module), name(&imported)));
                }
            }
        }
        offences
    }

    /// What the module `top` and those below it name of the impure.
    fn impurities(&self, top: &str) -> Vec<String> {
        let mut offences = Vec::new();
        for module in self.modules.keys().filter(|module| module.starts_with(&[top.to_owned()])) {
            for meaning in self.meanings(module) {
                let Meaning::Foreign(path) = meaning else { continue };
                let path = path.join("::");
                let is_below = |impure: &&str| {
                    path.strip_prefix(*impure)
                        .is_some_and(|it| it.is_empty() || it.starts_with("::"))
                };
                if path != PURE && IMPURE.iter().any(is_below) {
                    offences.push(format!("{} touches {path}", name(module)));
                }
            }
        }
        offences
    }
}

/// The module of a file below `src`: `site::root` for `src/site/root.rs`, the root for `lib.rs`.
fn module_of(source: &Source) -> Path {
    let below_src = source.path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
    let below_src = below_src.with_extension("");
    let names: Path = below_src.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    if names == ["lib"] { Path::new() } else { names }
}

fn name(module: &[String]) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.join("::") }
}

#[test]
fn imports_run_one_way() {
    let library = Crate::library(&rust_files("src"));
    assert_none("imports between modules run one way", &library.forbidden_imports(&MAY_IMPORT));
    assert_none("imports between files run in no circle", &library.circles());
}

#[test]
fn http_is_pure() {
    assert_none("http is pure", &Crate::library(&rust_files("src")).impurities("http"));
}

#[cfg(test)]
mod tests;
