//! The documents: they fit the screen, and everything that they name exists.
//!
//! Paths, links, tests named as evidence, places of decisions: a machine checks them before a
//! reader looks for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{COLUMNS_MAX, assert_none};

const README_LINES_MAX: usize = 160;

/// The starts of paths in the documents that must exist.
const FOLDERS: [&str; 7] = ["benches/", "contrib/", "docs/", "examples/", "src/", "tests/", "www/"];

/// A page of Markdown, by its path in the repository.
struct Document {
    path: PathBuf,
    text: String,
}

impl Document {
    fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(repository().join(&path));
        Self { text: text.unwrap_or_else(|error| panic!("{}: {error}", path.display())), path }
    }

    /// The lines outside of code blocks, and their numbers.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            (!is_code && !is_fence).then_some((index + 1, line))
        })
    }

    /// The headings, in the spelling of links' fragments.
    fn fragments(&self) -> Vec<String> {
        let headings = self.prose().filter(|(_, line)| line.starts_with('#'));
        let spell = |heading: &str| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            heading.trim().chars().filter(kept).collect::<String>().to_lowercase().replace(' ', "-")
        };
        headings.map(|(_, line)| spell(line.trim_start_matches('#'))).collect()
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<Document> {
    let single = ["README.md", "CHANGELOG.md", "examples/README.md"].map(PathBuf::from);
    // The crate is without `.github`.
    let folders = ["docs", ".github"].into_iter().filter(|it| repository().join(it).exists());
    let pages = folders.flat_map(|folder| {
        let entries = fs::read_dir(repository().join(folder)).unwrap();
        entries.map(move |entry| Path::new(folder).join(entry.unwrap().file_name()))
    });
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    single.into_iter().chain(pages).map(Document::read).collect()
}

/// The texts between backquotes.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn documents_fit_the_screen() {
    let mut offences = Vec::new();
    for document in documents() {
        let path = document.path.display();
        for (number, line) in document.prose().filter(|(_, line)| !line.starts_with('|')) {
            if line.chars().count() > COLUMNS_MAX {
                offences.push(format!("{path}:{number}: over {COLUMNS_MAX} columns"));
            }
        }
    }
    let readme = Document::read("README.md");
    let length = readme.text.lines().count();
    if length > README_LINES_MAX {
        offences.push(format!("README.md has {length} lines"));
    }
    let wide = readme.text.lines().filter(|line| line.chars().count() > COLUMNS_MAX);
    offences.extend(wide.map(|line| format!("README.md: over {COLUMNS_MAX} columns: {line}")));
    assert_none("documents fit the screen", &offences);
}

#[test]
fn changelog_and_image_have_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = Document::read("CHANGELOG.md");
    let mut headings = changelog.text.lines().filter(|line| line.starts_with("## "));
    assert_eq!(headings.next(), Some("## [Unreleased]"));
    let newest = headings.next().unwrap();
    let date =
        newest.strip_prefix(&format!("## [{version}] - ")).unwrap_or_else(|| panic!("{newest}"));
    let form: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00", "{newest}");
    let label = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(Document::read("contrib/Dockerfile").text.contains(&label), "{label}");
}

#[test]
fn links_lead_somewhere() {
    let mut offences = Vec::new();
    for document in documents() {
        let folder = document.path.parent().unwrap();
        for (number, line) in document.prose() {
            let targets = line.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
            for target in targets.filter(|target| !target.contains("://")) {
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                let path = if path.is_empty() { document.path.clone() } else { folder.join(path) };
                let leads_there = repository().join(&path).exists()
                    && (fragment.is_empty()
                        || Document::read(path).fragments().iter().any(|it| it == fragment));
                if !leads_there {
                    offences.push(format!("{}:{number}: {target}", document.path.display()));
                }
            }
        }
    }
    assert_none("links lead somewhere", &offences);
}

#[test]
fn paths_in_documents_exist() {
    let mut offences = Vec::new();
    for document in documents() {
        let near = document.path.parent().unwrap();
        let is_border = |c: char| c.is_whitespace() || "`()[]|<>,#\"'".contains(c);
        let words =
            document.text.split(is_border).map(|word| word.trim_end_matches(['.', ':', ';']));
        for word in words {
            let is_source = Path::new(word).extension().is_some_and(|it| it == "rs");
            if !is_source && !FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                continue;
            }
            // Source files may also be relative to `src`, or to the document.
            let root = Path::new("");
            let folders = if is_source { &[root, Path::new("src"), near][..] } else { &[root] };
            if !folders.iter().any(|folder| repository().join(folder).join(word).exists()) {
                offences.push(format!("{}: {word}", document.path.display()));
            }
        }
    }
    assert_none("paths in documents exist", &offences);
}

#[test]
fn every_file_to_copy_is_explained() {
    let manual = ["docs/installing.md", "docs/running.md"].map(|path| Document::read(path).text);
    let mut folders = vec![PathBuf::from("contrib")];
    let mut offences = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(repository().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if repository().join(&path).is_dir() {
                folders.push(path);
            } else if !manual.iter().any(|text| text.contains(&path.display().to_string())) {
                offences.push(format!("{} is not in the manual", path.display()));
            }
        }
    }
    assert_none("every file to copy is explained", &offences);
}

/// The cells of each row of the table whose header begins with this.
fn rows<'a>(document: &'a Document, header: &str) -> Vec<Vec<&'a str>> {
    let lines = document.text.lines().skip_while(|line| !line.starts_with(header));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn each_folder_of_the_source_has_a_row() {
    let architecture = Document::read("docs/architecture.md");
    let told = rows(&architecture, "| folder |");
    let told: BTreeSet<_> = told.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let entries = fs::read_dir(repository().join("src")).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let folders = folders.map(|entry| format!("{}/", entry.file_name().display()));
    assert_eq!(told, folders.collect());
}

/// Whether a line defines a function, a type or a constant with this name.
fn defines(code: &str, name: &str) -> bool {
    let is_definition = |line: &str| {
        let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let kinds = ["const", "enum", "fn", "static", "struct", "trait", "type"];
        words.windows(2).any(|pair| kinds.contains(&pair[0]) && pair[1] == name)
    };
    code.lines().filter(|line| !line.trim_start().starts_with("//")).any(is_definition)
}

#[test]
fn decisions_are_where_the_table_says() {
    let architecture = Document::read("docs/architecture.md");
    let rows = rows(&architecture, "| where is it decided ... |");
    assert!(rows.len() > 15, "{rows:?}");
    let mut offences = Vec::new();
    for row in rows {
        let [_, file, names] = row[..] else { panic!("{row:?}") };
        let path = repository().join("src").join(file.trim_matches('`'));
        let code = fs::read_to_string(&path).unwrap_or_default();
        let missing = code_spans(names).filter(|name| !defines(&code, name));
        offences.extend(missing.map(|name| format!("{file} does not define {name}")));
    }
    assert_none("decisions are where the table says", &offences);
}

#[test]
fn a_request_takes_the_same_steps_on_the_example_site() {
    let page = fs::read_to_string(repository().join("www/about/index.html")).unwrap();
    let (_, steps) = page.split_once("<ol class=\"steps\">").unwrap();
    let (steps, _) = steps.split_once("</ol>").unwrap();
    let titles = steps.split("<h2>").skip(1).map(|rest| rest.split("</h2>").next().unwrap());
    let shown: Vec<_> = (1..).zip(titles).map(|(at, title)| format!("{at}. {title}")).collect();
    let architecture = Document::read("docs/architecture.md");
    let headings = architecture.prose().filter_map(|(_, line)| line.strip_prefix("### "));
    let told: Vec<_> =
        headings.filter(|heading| heading.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(told, shown);
    assert_eq!(told.len(), 8);
}

/// Whether `tests/it` has this module, or this function in one.
fn is_evidence(path: &str) -> bool {
    let text = |module: &str| {
        fs::read_to_string(repository().join("tests/it").join(module.replace("::", "/") + ".rs"))
    };
    text(path).is_ok()
        || path.rsplit_once("::").is_some_and(|(module, function)| {
            text(module).is_ok_and(|text| text.contains(&format!("fn {function}()")))
        })
}

#[test]
fn evidence_exists() {
    for path in ["README.md", "docs/security.md"] {
        let document = Document::read(path);
        let mut named = Vec::new();
        let mut is_in_table = false;
        for (_, line) in document.prose() {
            let last_cell = line.trim_end_matches('|').rsplit('|').next().unwrap();
            is_in_table = line.starts_with('|') && (is_in_table || last_cell.trim() == "shown by");
            if is_in_table {
                named.extend(code_spans(last_cell));
            }
            let is_name = |c: char| c.is_ascii_lowercase() || "_:".contains(c);
            let is_path = |span: &&str| span.contains("::") && span.chars().all(is_name);
            named.extend(code_spans(line).filter(is_path).filter(|span| *span != "::"));
        }
        assert!(named.len() > 10, "{path}: {named:?}");
        let missing: Vec<_> = named.iter().filter(|name| !is_evidence(name)).collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}
