//! Which paths a file of Rust names, by its imports and in its code.
//!
//! A reader of tokens, not of Rust: it leaves out comments, strings and characters, and takes what
//! follows `use` for a tree and every other run of names joined by `::` for a path. Nothing here
//! knows what a path means: `imports` does.

/// The names of a path, from left to right.
pub type Path = Vec<String>;

/// A name that a file imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What it is called in this file.
    pub name: String,
    /// What it stands for, as it is written; for a glob, its last name is `*`.
    pub path: Path,
}

/// What a file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub imports: Vec<Import>,
    /// Paths of two names and more in the code.
    pub paths: Vec<Path>,
}

impl Names {
    /// What `code` names.
    pub fn of(code: &str) -> Self {
        let tokens = tokens(code);
        let mut names = Self::default();
        let mut rest = &tokens[..];
        let mut previous = "";
        while let Some((&token, after)) = rest.split_first() {
            rest = after;
            // `use<...>` in a type lists what it captures.
            if token == "use" && after.first() != Some(&"<") {
                rest = names.read_tree(after, &[]);
            } else if is_name(token) && previous != "::" {
                let path = path_at_start(token, after);
                rest = &after[2 * (path.len() - 1)..];
                if path.len() > 1 {
                    names.paths.push(path);
                }
            }
            previous = token;
        }
        names
    }

    /// Reads a tree of imports below `above`, such as `a::{b, c::d as e, f::*}`; returns the tokens
    /// that follow it.
    fn read_tree<'a>(&mut self, tokens: &'a [&'a str], above: &[String]) -> &'a [&'a str] {
        let mut path = above.to_vec();
        let mut rest = tokens;
        loop {
            match rest {
                ["{", group @ ..] => {
                    rest = group;
                    while rest[0] != "}" {
                        rest = self.read_tree(rest, &path);
                        rest = rest.strip_prefix(&[","]).unwrap_or(rest);
                    }
                    return &rest[1..];
                }
                [name, "::", after @ ..] => {
                    path.push((*name).to_owned());
                    rest = after;
                }
                [name, after @ ..] => {
                    path.push((*name).to_owned());
                    rest = after;
                    break;
                }
                [] => panic!("an import has no end"),
            }
        }
        // `a::{self}` imports `a`.
        if path.len() > 1 && path.ends_with(&["self".to_owned()]) {
            path.pop();
        }
        let own_name = path.last().cloned().unwrap_or_default();
        let (name, rest) = match rest {
            ["as", alias, after @ ..] => ((*alias).to_owned(), after),
            _ => (own_name, rest),
        };
        self.imports.push(Import { name, path });
        rest
    }
}

/// The path that begins with `first`.
fn path_at_start(first: &str, rest: &[&str]) -> Path {
    let more = rest.chunks_exact(2).take_while(|pair| pair[0] == "::" && is_name(pair[1]));
    [first].into_iter().chain(more.map(|pair| pair[1])).map(str::to_owned).collect()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The names and signs of code, without comments, strings, characters and lifetimes.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = skipped_length(rest) {
            length
        } else {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            let word = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let sign = if rest.starts_with("::") { 2 } else { first.len_utf8() };
            let length = word.max(sign);
            tokens.push(&rest[..length]);
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the comment, literal, lifetime or white space that `code` begins with.
fn skipped_length(code: &str) -> Option<usize> {
    let until = |end: &str, from: usize| {
        code[from..].find(end).map_or(code.len(), |at| from + at + end.len())
    };
    let first = code.chars().next()?;
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if code.starts_with("//") {
        return Some(until("\n", 2));
    }
    if code.starts_with("/*") {
        return Some(until("*/", 2));
    }
    let unprefixed = code.strip_prefix(['b', 'c']).unwrap_or(code);
    let prefix = code.len() - unprefixed.len();
    if let Some(raw) = unprefixed.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(until(&end, prefix + 1 + hashes + 1));
        }
    }
    if unprefixed.starts_with('"') {
        return Some(prefix + quoted_length(unprefixed, '"'));
    }
    let quoted = unprefixed.strip_prefix('\'')?;
    let is_character = quoted.starts_with('\\') || quoted.chars().nth(1) == Some('\'');
    Some(prefix + if is_character { quoted_length(unprefixed, '\'') } else { 1 })
}

/// The length of the literal between quotes that `code` begins with.
fn quoted_length(code: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = code.char_indices().skip(1).find(|&(_, character)| {
        let ends = character == quote && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    });
    end.map_or(code.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The imports, each as `name=path`, and the paths.
    #[track_caller]
    fn check(code: &str, imports: &[&str], paths: &[&str]) {
        let names = Names::of(code);
        let import = |import: &Import| format!("{}={}", import.name, import.path.join("::"));
        assert_eq!(names.imports.iter().map(import).collect::<Vec<_>>(), imports, "{code}");
        let got: Vec<_> = names.paths.iter().map(|path| path.join("::")).collect();
        assert_eq!(got, paths, "{code}");
    }

    #[test]
    fn imports_are_trees() {
        check("use a;", &["a=a"], &[]);
        check("pub(crate) use super::a::B;", &["B=super::a::B"], &[]);
        check("use a::b as c; use d::E as _;", &["c=a::b", "_=d::E"], &[]);
        check("use a::*;", &["*=a::*"], &[]);
        let code = "use crate::{a, b::{self, C as D, e::{F}}, g::*,};\nh::i();";
        let want = ["a=crate::a", "b=crate::b", "D=crate::b::C", "F=crate::b::e::F"];
        check(code, &[&want[..], &["*=crate::g::*"]].concat(), &["h::i"]);
        check("fn f() { use a::B; B::c() }", &["B=a::B"], &["B::c"]);
    }

    #[test]
    fn paths_are_found_in_code() {
        check("let x: a::b::C<d::E> = f::g(h);", &[], &["a::b::C", "d::E", "f::g"]);
        check("log::info!(target: a::B, \"{}\", c::d());", &[], &["log::info", "a::B", "c::d"]);
        check("text.parse::<a::B>(); Vec::<u8>::new(); <A as b::C>::d()", &[], &["a::B", "b::C"]);
        check("self.a; pub(super) fn f() -> impl I + use<'_> {}", &[], &[]);
        check(
            "fn f<'a>(x: &'a a::B) { c::d('\\'', b'\"', 'e', e::f) }",
            &[],
            &["a::B", "c::d", "e::f"],
        );
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        check("// use a::b;\n/* c::d */ e::f", &[], &["e::f"]);
        check("//! [`a::b`]\n/// c::d\ne::f", &[], &["e::f"]);
        check(r#"("use a::b;", "\"c::d", b"e::f", '"', g::h)"#, &[], &["g::h"]);
        check(r##"(r"a::b\", r#"c::"d"#, br"e::f", g::h)"##, &[], &["g::h"]);
    }
}
