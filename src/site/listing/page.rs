//! A listing as a page of HTML.
//!
//! It works without script and asks for nothing beside itself: one style and one small script are
//! inlined, and their hashes stand in the policy that the response must carry. A folder may hold
//! ten thousand rows, so a row is little more than its own words: no classes, no optional end tags.

use super::order::{Entry, Key, Order};
use super::readme::{self, README_BYTES_MAX, Readme};
use super::selection::Listing;
use super::text::{push_href, push_name, row_bytes_max};
use crate::memory::{self, OutOfMemory};
use crate::quantity::{push_counted, push_grouped, push_human_size};

/// Its rows are grids, so that a browser lays out only those in view (`content-visibility`); that
/// makes ten thousand of them several times quicker. They keep the roles of a table all the same.
const STYLE: &str = include_str!("style.css");
/// Makes the filter box, which is absent without it.
const SCRIPT: &str = include_str!("filter.js");

/// The value of `Content-Security-Policy` that the page goes with: its own style and script, images
/// of this site for a README, and nothing else at all. A test holds the hashes to the files.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-ZB4brFgqkdJNItX1CLd9IO4Oz+qfl7lKK/a92OSrLdQ='; \
    script-src 'sha256-zdfx7/NnkZssBqltWSDt/TeEnerX8LRLhanoaJA7THU='; \
    img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The page for the folder at `path`, which is the decoded path below the root: empty for the root
/// itself, and slashes around it don't matter. `order` is the one that `listing` was made in.
/// `has_archive` says whether the folder can be had as an archive.
pub(crate) fn page(
    path: &[u8],
    listing: &Listing,
    order: Order,
    readme: Option<&Readme>,
    has_archive: bool,
) -> Result<Vec<u8>, OutOfMemory> {
    let readme_length = readme.map_or(0, |readme| readme.text.len().min(README_BYTES_MAX));
    let mut out = String::new();
    memory::reserve_text(&mut out, 6 * 1024 + 240 * listing.entries.len() + readme_length)?;
    let folders: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty()).collect();
    push_head(&mut out, &folders);
    out.push_str("<header>\n");
    push_breadcrumbs(&mut out, &folders);
    if has_archive {
        out.push_str(
            "<form><button name=\"format\" value=\"tar\">Download as .tar</button></form>\n",
        );
    }
    out.push_str("</header>\n");
    out.push_str("<main>\n");
    push_table(&mut out, &folders, listing, order)?;
    if let Some(readme) = readme {
        readme::push(&mut out, readme)?;
    }
    out.push_str("</main>\n<script>");
    out.push_str(SCRIPT);
    out.push_str("</script>\n</body>\n</html>\n");
    Ok(out.into_bytes())
}

fn push_head(out: &mut String, folders: &[&[u8]]) {
    out.push_str(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <title>Index of ",
    );
    push_path(out, folders);
    out.push_str("</title>\n<style>");
    out.push_str(STYLE);
    out.push_str("</style>\n</head>\n<body>\n");
}

fn push_path(out: &mut String, folders: &[&[u8]]) {
    out.push('/');
    for folder in folders {
        push_name(out, folder);
        out.push('/');
    }
}

/// The heading, in which each parent folder is a link and the folder itself is not. The links are
/// relative, since a proxy may serve the root below a path of its own.
fn push_breadcrumbs(out: &mut String, folders: &[&[u8]]) {
    out.push_str("<nav aria-label=\"Parent folders\"><h1><span>Index of</span> ");
    let Some((current, parents)) = folders.split_last() else {
        out.push_str("<bdi>/</bdi></h1></nav>\n");
        return;
    };
    let up = |levels: usize| "../".repeat(levels);
    for segment in ["<a href=\"", &up(folders.len()), "\" title=\"Root\">/</a>"] {
        out.push_str(segment);
    }
    for (at, folder) in parents.iter().enumerate() {
        for segment in ["<a href=\"", &up(parents.len() - at), "\"><bdi>"] {
            out.push_str(segment);
        }
        push_name(out, folder);
        out.push_str("</bdi></a>/<wbr>");
    }
    out.push_str("<bdi>");
    push_name(out, current);
    out.push_str("</bdi>/</h1></nav>\n");
}

fn push_table(
    out: &mut String,
    folders: &[&[u8]],
    listing: &Listing,
    order: Order,
) -> Result<(), OutOfMemory> {
    let (shown, total) = (listing.entries.len(), listing.total());
    if shown < total {
        out.push_str("<p role=\"note\">Showing the first ");
        push_grouped(out, shown as u64);
        out.push_str(" of ");
        push_counted(out, total, "entry", "entries");
        out.push_str(" in this order</p>\n");
    }
    out.push_str("<table>\n<caption>Folders and files in ");
    push_path(out, folders);
    out.push_str("</caption>\n<thead>\n<tr>");
    for key in Key::ALL {
        push_heading(out, key, order);
    }
    out.push_str("\n</thead>\n<tbody>\n");
    if !folders.is_empty() {
        out.push_str("<tr><th scope=row><a href=\"../\" title=\"Parent folder\">../</a><td><td>\n");
    }
    for entry in &listing.entries {
        memory::reserve_text(out, row_bytes_max(entry))?;
        push_row(out, entry);
    }
    out.push_str("</tbody>\n<tfoot>\n");
    push_sums(out, listing);
    out.push_str("</tfoot>\n</table>\n");
    Ok(())
}

/// A heading that sorts by its column; a second click turns the order round. It is a button, as for
/// the archive, since programs that mirror a site follow each link.
fn push_heading(out: &mut String, key: Key, order: Order) {
    let sorted = match (order.key == key, order.descending) {
        (false, _) => "",
        (true, false) => " aria-sort=\"ascending\"",
        (true, true) => " aria-sort=\"descending\"",
    };
    let label = match key {
        Key::Name => "Name",
        Key::Modified => "Modified <small>UTC</small>",
        Key::Size => "Size",
    };
    let next = order.clicked(key);
    let direction = if next.descending { "desc" } else { "asc" };
    let name = key.word();
    for segment in ["\n<th scope=\"col\"", sorted, "><form><button name=\"sort\" value=\"", name] {
        out.push_str(segment);
    }
    for segment in
        ["\">", label, "</button><input type=\"hidden\" name=\"order\" value=\"", direction]
    {
        out.push_str(segment);
    }
    out.push_str("\"></form></th>");
}

fn push_row(out: &mut String, entry: &Entry) {
    out.push_str("<tr><th scope=row><a href=\"");
    push_href(out, entry);
    out.push_str("\"><bdi>");
    push_name(out, &entry.name);
    out.push_str(if entry.is_directory() { "</bdi>/</a><td>" } else { "</bdi></a><td>" });
    if let Some(date) = entry.modified {
        let moment = date.rfc3339();
        let (day, minute) = (&moment[..10], &moment[11..16]);
        for segment in ["<time datetime=\"", &moment, "\">", day, " ", minute, "</time>"] {
            out.push_str(segment);
        }
    }
    match entry.content_size() {
        Some(size) => push_size(out, size),
        None => out.push_str("<td>"),
    }
    out.push('\n');
}

fn push_size(out: &mut String, size: u64) {
    out.push_str("<td title=\"");
    push_grouped(out, size);
    out.push_str(if size == 1 { " byte\">" } else { " bytes\">" });
    push_human_size(out, size);
}

/// The table's foot: counts and sizes of all that the folder holds, shown or not.
fn push_sums(out: &mut String, listing: &Listing) {
    if listing.total() == 0 {
        out.push_str("<tr><th scope=row>This folder is empty<td><td>\n");
        return;
    }
    out.push_str("<tr><th scope=row>");
    push_counted(out, listing.directories, "folder", "folders");
    out.push_str(", ");
    push_counted(out, listing.files, "file", "files");
    if listing.others > 0 {
        out.push_str(", ");
        push_counted(out, listing.others, "other", "others");
    }
    out.push_str("<td>");
    push_size(out, listing.bytes);
    out.push('\n');
}
