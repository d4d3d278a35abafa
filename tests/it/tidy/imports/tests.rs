//! Made-up crates of a few lines: what the checker sees, and what it leaves alone.

use super::*;

fn made_up(files: &[(&str, &'static str)]) -> Crate {
    let path = |module: &str| -> Path {
        module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    Crate::new(files.iter().map(|&(module, code)| (path(module), code)))
}

#[track_caller]
fn check_circles(files: &[(&str, &'static str)], want: &[&str]) {
    assert_eq!(made_up(files).circles(), want, "{files:?}");
}

/// The imports of `a` and of what is below it, where `a` may import from `b`.
#[track_caller]
fn check_forbidden(files: &[(&str, &'static str)], want: &[&str]) {
    let rest = [("b", ""), ("c", "pub mod d;"), ("c::d", "")];
    let crate_ = made_up(&[files, &rest].concat());
    assert_eq!(
        crate_.forbidden_imports(&[("a", &["b"]), ("b", &[]), ("c", &[])]),
        want,
        "{files:?}"
    );
}

#[track_caller]
fn check_impurities(code: &'static str, want: &[&str]) {
    assert_eq!(made_up(&[("http::x", code)]).impurities("http"), want, "{code}");
}

#[test]
fn two_files_and_three_that_import_each_other_are_a_circle() {
    check_circles(&[("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "")], &[]);
    let two = [("a", "use crate::b::B;"), ("b", "use crate::a::A;")];
    check_circles(&two, &["a -> b -> a"]);
    let three = [("a", "use crate::b::B;"), ("b", "use crate::c::C;"), ("c", "use crate::a::A;")];
    check_circles(&three, &["a -> b -> c -> a"]);
    let code = [("a", "fn f() { crate::b::g() }"), ("b", "fn g() { crate::a::f() }")];
    check_circles(&code, &["a -> b -> a"]);
    check_circles(&[("a", "use crate::{b::{self, B}};"), ("b", "use super::a;")], &["a -> b -> a"]);
}

#[test]
fn super_self_and_children_are_seen() {
    let parent = ("a", "mod b; use b::B;");
    check_circles(&[parent, ("a::b", "use super::A;")], &["a -> a::b -> a"]);
    let children = ("a", "mod b; fn f() { b::g() }");
    check_circles(&[children, ("a::b", "fn g() { super::f() }")], &["a -> a::b -> a"]);
    let by_self = ("a", "mod b; use self::b::B as C;");
    check_circles(&[by_self, ("a::b", "use super::A;")], &["a -> a::b -> a"]);
    let deep = ("a::b::c", "use super::super::A;");
    check_circles(&[("a", "use b::c::C;"), ("a::b", ""), deep], &["a -> a::b::c -> a"]);
    let siblings = [("a::b", "use super::c::C;"), ("a::c", "use super::b; fn f() { b::g() }")];
    check_circles(&[&[("a", "")][..], &siblings].concat(), &["a::b -> a::c -> a::b"]);
    let aliased = [("a", "use crate::b as c; fn f() { c::g() }"), ("b", "use crate::a::f;")];
    check_circles(&aliased, &["a -> b -> a"]);
}

#[test]
fn a_facade_stands_for_the_file_that_defines() {
    let facade = ("a", "mod b; mod c; pub use b::B; pub use c::C;");
    check_circles(&[facade, ("a::b", "use super::c::C;"), ("a::c", "")], &[]);
    // By way of the parent that imports both.
    let through_parent = ("a::b", "use super::C;");
    check_circles(&[facade, through_parent, ("a::c", "")], &["a -> a::b -> a"]);
    // From outside, the facade is as good as the file.
    check_circles(
        &[facade, ("a::b", "use crate::d::D;"), ("a::c", ""), ("d", "use crate::a::C;")],
        &[],
    );
    let back = ("a::c", "use crate::d::D;");
    let outside = ("d", "use crate::a::C;");
    check_circles(&[facade, ("a::b", ""), back, outside], &["a::c -> d -> a::c"]);
    let qualified = ("d", "use crate::a; fn f() { a::C::new() }");
    check_circles(
        &[facade, ("a::b", ""), back, qualified],
        &["a -> a::c -> d -> a", "a::c -> d -> a::c"],
    );
}

#[test]
fn imports_of_other_modules_need_a_rule() {
    check_forbidden(&[("a", "use crate::b::B; use std::io; use c::D;")], &[]);
    check_forbidden(&[("a", "use crate::c::C;")], &["a imports c"]);
    check_forbidden(&[("a", "use crate::{b, c};")], &["a imports c"]);
    check_forbidden(&[("a", "use super::c::d::D;")], &["a imports c::d"]);
    check_forbidden(&[("a", "fn f(x: &crate::c::C) {}")], &["a imports c"]);
    check_forbidden(&[("a", ""), ("a::e", "use super::super::c::C;")], &["a::e imports c"]);
    check_forbidden(
        &[("", "use a::A; use c::C;"), ("a", "use crate::run;")],
        &["a imports the root"],
    );
    check_forbidden(&[("program", "use crate::{a, b, c};")], &[]);
    check_forbidden(&[("f", "")], &["f has no rule"]);
}

#[test]
fn files_clocks_and_the_log_are_impure() {
    check_impurities("use std::fs::File; use std::time::SystemTime; use crate::log;", &[]);
    check_impurities("use std::net::IpAddr; struct S { log: u8 } fn f(s: S) { s.log }", &[]);
    check_impurities("use std::fs;", &["http::x touches std::fs"]);
    check_impurities("use std::fs::{File, read};", &["http::x touches std::fs::read"]);
    let open = "use std::fs::File; fn f() { File::open(\"\") }";
    check_impurities(open, &["http::x touches std::fs::File::open"]);
    let now = "use std::time; fn f() { time::Instant::now() }";
    check_impurities(now, &["http::x touches std::time::Instant::now"]);
    check_impurities("fn f() { log::warn!(\"\") }", &["http::x touches log::warn"]);
    check_impurities("use std::net::{self, TcpStream};", &["http::x touches std::net::TcpStream"]);
}
