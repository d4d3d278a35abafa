//! The documents: they fit the screen, and everything that they name exists.
//!
//! Paths, links, tests named as evidence, places of decisions: a machine checks them before a
//! reader looks for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{COLUMNS_MAX, assert_none, files_below};

const README_LINES_MAX: usize = 160;

/// The starts of paths in the documents that must exist.
const FOLDERS: [&str; 7] = ["benches/", "contrib/", "docs/", "examples/", "src/", "tests/", "www/"];

#[track_caller]
fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages of Markdown: their paths and texts. The crate is without `.github`.
fn documents() -> impl Iterator<Item = (PathBuf, String)> {
    let single = ["README.md", "CHANGELOG.md", "examples/README.md"].map(PathBuf::from);
    let folders = ["docs", ".github"].into_iter().filter(|it| Path::new(it).exists());
    let pages = folders.flat_map(files_below);
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    single.into_iter().chain(pages).map(|path| (path.clone(), read(path)))
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").step_by(2).flat_map(str::lines)
}

/// The texts between backquotes.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The cells of each row of the table whose header begins with this.
fn rows<'a>(text: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(header));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn documents_fit_the_screen() {
    let mut offences = Vec::new();
    for (path, text) in documents() {
        let lines: Vec<_> = if path == Path::new("README.md") {
            text.lines().collect()
        } else {
            prose(&text).filter(|line| !line.starts_with('|')).collect()
        };
        let wide = lines.iter().filter(|line| line.chars().count() > COLUMNS_MAX);
        let path = path.display();
        offences.extend(wide.map(|line| format!("{path}: over {COLUMNS_MAX} columns: {line}")));
    }
    assert_none("documents fit the screen", &offences);
    let length = read("README.md").lines().count();
    assert!(length <= README_LINES_MAX, "README.md has {length} lines");
}

#[test]
fn changelog_and_image_have_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    let headings: Vec<_> = changelog.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(headings[0], "## [Unreleased]");
    let date = headings[1].strip_prefix(&format!("## [{version}] - "));
    let form = date.map(|date| date.replace(|c: char| c.is_ascii_digit(), "0"));
    assert_eq!(form.as_deref(), Some("0000-00-00"), "{}", headings[1]);
    let label = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(read("contrib/Dockerfile").contains(&label), "{label}");
}

/// Whether a heading has this fragment in links.
fn has_heading(text: &str, fragment: &str) -> bool {
    let is_kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let spell = |line: &str| line.chars().filter(is_kept).collect::<String>().to_lowercase();
    let mut headings = prose(text).filter(|line| line.starts_with('#'));
    headings.any(|line| spell(line).trim().replace(' ', "-") == fragment)
}

#[test]
fn links_lead_somewhere() {
    let mut offences = Vec::new();
    for (path, text) in documents() {
        let ends = prose(&text).flat_map(|line| line.split("](").skip(1));
        let targets = ends.filter_map(|end| end.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (to, fragment) = target.split_once('#').unwrap_or((target, ""));
            let to = if to.is_empty() { path.clone() } else { path.with_file_name(to) };
            if !to.exists() || !fragment.is_empty() && !has_heading(&read(to), fragment) {
                offences.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_none("links lead somewhere", &offences);
}

#[test]
fn paths_in_documents_exist() {
    let mut offences = Vec::new();
    let is_border = |c: char| c.is_whitespace() || "`()[]|<>,#\"'".contains(c);
    for (path, text) in documents() {
        for word in text.split(is_border).map(|word| word.trim_end_matches(['.', ':', ';'])) {
            let named = Path::new(word);
            let is_source = named.extension().is_some_and(|it| it == "rs");
            // Source files may also be relative to `src`, or to the document.
            let is_found = named.exists()
                || is_source && (Path::new("src").join(word)).exists()
                || is_source && path.with_file_name(word).exists();
            if !is_found && (is_source || FOLDERS.iter().any(|it| word.starts_with(it))) {
                offences.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert_none("paths in documents exist", &offences);
}

#[test]
fn every_file_to_copy_is_explained() {
    let manual = read("docs/installing.md") + &read("docs/running.md");
    let files = files_below("contrib").into_iter().map(|path| path.display().to_string());
    let unexplained: Vec<_> = files.filter(|path| !manual.contains(path)).collect();
    assert_none("every file to copy is explained", &unexplained);
}

#[test]
fn each_folder_of_the_source_has_a_row() {
    let architecture = read("docs/architecture.md");
    let told = rows(&architecture, "| folder |").into_iter().map(|row| row[0].trim_matches('`'));
    let told: BTreeSet<_> = told.map(str::to_owned).collect();
    let entries = fs::read_dir("src").unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let folders = folders.map(|entry| format!("{}/", entry.file_name().display()));
    assert_eq!(told, folders.collect());
}

#[test]
fn decisions_are_where_the_table_says() {
    let architecture = read("docs/architecture.md");
    let rows = rows(&architecture, "| where is it decided ... |");
    assert!(rows.len() > 15, "{rows:?}");
    let mut offences = Vec::new();
    for row in rows {
        let [_, file, names] = row[..] else { panic!("{row:?}") };
        let code = read(Path::new("src").join(file.trim_matches('`')));
        for name in code_spans(names) {
            let forms = ["fn NAME(", "const NAME:", "enum NAME {", "struct NAME {"];
            if !forms.iter().any(|form| code.contains(&form.replace("NAME", name))) {
                offences.push(format!("{file} does not define {name}"));
            }
        }
    }
    assert_none("decisions are where the table says", &offences);
}

#[test]
fn a_request_takes_the_same_steps_on_the_example_site() {
    let page = read("www/about/index.html");
    let (_, steps) = page.split_once("<ol class=\"steps\">").unwrap();
    let (steps, _) = steps.split_once("</ol>").unwrap();
    let titles = steps.split("<h2>").skip(1).map(|rest| rest.split("</h2>").next().unwrap());
    let shown: Vec<_> = (1..).zip(titles).map(|(at, title)| format!("{at}. {title}")).collect();
    let architecture = read("docs/architecture.md");
    let headings = architecture.lines().filter_map(|line| line.strip_prefix("### "));
    let told: Vec<_> = headings.filter(|it| it.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(told, shown);
    assert_eq!(told.len(), 8);
}

/// Whether `tests/it` has this module, or this function in one.
fn is_evidence(path: &str) -> bool {
    let file = |module: &str| PathBuf::from(format!("tests/it/{}.rs", module.replace("::", "/")));
    let (module, function) = path.rsplit_once("::").unwrap_or((path, ""));
    let is_function = || read(file(module)).contains(&format!("fn {function}()"));
    file(path).exists() || file(module).exists() && is_function()
}

#[test]
fn evidence_exists() {
    for path in ["README.md", "docs/security.md"] {
        let text = read(path);
        let rows = rows(&text, "| promise | shown by |");
        let in_table = rows.iter().flat_map(|row| code_spans(row[row.len() - 1]));
        let is_name = |c: char| c.is_ascii_lowercase() || "_:".contains(c);
        let is_path = |it: &&str| it.contains("::") && *it != "::" && it.chars().all(is_name);
        let named: Vec<_> =
            prose(&text).flat_map(code_spans).filter(is_path).chain(in_table).collect();
        assert!(named.len() > 10, "{path}: {named:?}");
        let missing: Vec<_> = named.iter().filter(|name| !is_evidence(name)).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}
