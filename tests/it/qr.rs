//! The QR code: a camera can read it from the screen.

use std::net::IpAddr;

use rqrr::PreparedImage;
use vt100::{Color, Screen};

use crate::screen::OnScreen;
use crate::start::check_refusal;
use crate::support::{Httpd, Tree, has_words};

/// The camera's pixels per half of a character.
const SCALE: usize = 4;

/// Room for the banner, many addresses, and the code.
const LARGE: [u16; 2] = [80, 100];

/// The brightness of text and background on a terminal where no colour was chosen.
type Theme = [u8; 2];

const DARK: Theme = [230, 20];
const LIGHT: Theme = [20, 230];

/// The brightness of each half of a character in the rows of the code.
fn picture(screen: &Screen, [usual_text, usual_background]: Theme) -> Vec<Vec<u8>> {
    let (rows, columns) = screen.size();
    let brightness = |color: Color, usual: u8| match color {
        Color::Default => usual,
        Color::Idx(16) => 0,
        Color::Idx(231) => 255,
        other => panic!("neither black nor white: {other:?}"),
    };
    let half = |row: u16, column: u16, is_upper: bool| {
        let Some(cell) = screen.cell(row, column) else { return usual_background };
        let text = brightness(cell.fgcolor(), usual_text);
        let background = brightness(cell.bgcolor(), usual_background);
        match (cell.contents(), is_upper) {
            ("█", _) | ("▀", true) | ("▄", false) => text,
            _ => background,
        }
    };
    // Only the rows of the code: other lines have their own colours.
    let is_code = |row: u16| {
        let mut cells = (0..columns.get()).filter_map(|column| screen.cell(row, column));
        cells.any(|cell| {
            matches!(cell.contents(), "█" | "▀" | "▄") || cell.bgcolor() != Color::Default
        })
    };
    let rows: Vec<_> = (0..rows.get()).filter(|&row| is_code(row)).collect();
    let halves = rows.iter().flat_map(|&row| [(row, true), (row, false)]);
    let lines = halves.map(|(row, is_upper)| {
        (0..columns.get()).map(|column| half(row, column, is_upper)).collect()
    });
    lines.collect()
}

/// The camera's reading on a terminal of this theme.
#[track_caller]
fn read(httpd: &OnScreen, theme: Theme) -> String {
    let pixels = httpd.with(|screen| picture(screen, theme));
    let (width, height) = (pixels[0].len() * SCALE, pixels.len() * SCALE);
    let pixel = |x: usize, y: usize| pixels[y / SCALE][x / SCALE];
    let mut image = PreparedImage::prepare_from_greyscale(width, height, pixel);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "{theme:?}: {:#?}", httpd.rows());
    grids[0].decode().unwrap().1
}

/// Whether this machine has an address that others can reach.
fn has_network() -> bool {
    let interfaces = if_addrs::get_if_addrs().unwrap().into_iter();
    let mut outward = interfaces.filter(|it| !it.is_loopback() && !it.is_link_local());
    let has_one = outward.any(|it| it.ip().is_ipv4());
    if !has_one {
        eprintln!("skipped: no other machine can reach this one");
    }
    has_one
}

/// Without colours, on a dark one.
#[test]
fn a_camera_reads_the_url_on_every_theme() {
    if !has_network() {
        return;
    }
    let tree = Tree::with(&[("a.txt", b"hello")]);
    for (variables, themes) in [(&[][..], &[DARK, LIGHT][..]), (&[("NO_COLOR", "1")], &[DARK])] {
        let flags = ["--bind", "0.0.0.0", "--qr"];
        let httpd = OnScreen::start(tree.path(), &flags, variables, LARGE);
        // This is logged after the code.
        assert_eq!(httpd.get("/").status, 200);
        let is_request = |row: &String| row.contains("GET / ");
        let rows = httpd.wait_for("a request", |rows| rows.iter().any(is_request));
        let url = rows.iter().find_map(|row| row.strip_prefix("to scan: ")).unwrap();
        for theme in themes {
            assert_eq!(read(&httpd, *theme), url);
        }
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let ip = address.rsplit_once(':').unwrap().0.parse::<IpAddr>().unwrap();
        assert!(!ip.is_loopback() && !ip.is_unspecified(), "{url}");
        assert!(rows.iter().any(|row| row.starts_with(&format!("listening on {url}"))));
    }
}

#[test]
fn a_narrow_terminal_and_a_script_get_no_code() {
    if !has_network() {
        return;
    }
    let (tree, flags) = (Tree::new(), ["--bind", "0.0.0.0", "--qr"]);
    let narrow = OnScreen::start(tree.path(), &flags, &[], [40, 24]);
    let rows = narrow.wait_for("a width", |rows| rows.concat().contains("33 columns"));
    assert!(!rows.iter().any(|row| row.contains('█')), "{rows:#?}");
    let script = Httpd::serve(tree.path(), &flags);
    script.log_line(|line| has_words(line, &["WARN", "--qr", "terminal"]));
    assert_eq!(script.stop().stdout.len(), 1);
}

#[test]
fn a_server_that_only_this_machine_reaches_has_none() {
    let tree = Tree::new();
    check_refusal(&["--qr", tree.path().to_str().unwrap()], &["--qr", "--bind"]);
}
