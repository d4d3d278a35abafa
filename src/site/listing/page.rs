//! A listing as an HTML page, and as JSON (RFC 8259) for scripts.
//!
//! The page works without scripts and loads nothing else: one style and one small script are
//! inlined, and their hashes are in the policy that the response must have. A folder may have ten
//! thousand rows, so a row is little more than its own words: no classes, no optional end tags.
//! JSON has the same entries in the same order.

use super::readme::{self, README_BYTES_MAX, Readme};
use super::text::{push_href, push_name, row_bytes_max};
use super::{Entry, Key, Kind, Listing, Order};
use crate::memory::{self, OutOfMemory};
use crate::text::{push_counted, push_grouped, push_human_size, write_json_string};

/// The start of every page of the program, up to its title. The icon is part of it, so that no
/// browser requests one.
pub(crate) const PAGE_START: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\
    <meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
    <link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
    viewBox='0 0 16 16'%3E%3Cpath fill='%2359e' \
    d='M2 1h4l2 2h6q2 0 2 2v7q0 2-2 2H2q-2 0-2-2V3q0-2 2-2'/%3E%3C/svg%3E\">\n<title>";
/// Colours and text of all pages.
pub(crate) const BASE_STYLE: &str = include_str!("base.css");
/// The rows are grids, so that a browser lays out only those in view (`content-visibility`), which
/// makes ten thousand of them several times quicker. They still have the roles of a table.
const STYLE: &str = concat!(include_str!("base.css"), include_str!("style.css"));
/// Shows times in the reader's zone, and creates the filter box, which needs it.
const SCRIPT: &str = include_str!("filter.js");

/// The page's `Content-Security-Policy`: its own style, script and icon, images of this site for a
/// README, and nothing else. A test compares the hashes with the files.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    style-src 'sha256-8I515indHHD5WwXdL2dNMaHu3G3KiaGkozLnOwH5gG0='; \
    script-src 'sha256-rfLNcGqxg+ZizbSN97fAGIvkhW/ionCpF3GSOrnecF0='; \
    img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The page for the folder at `path`, the decoded path below the root: empty for the root itself.
/// `has_archive` says whether the folder can be downloaded as an archive.
pub(crate) fn page(
    path: &[u8],
    listing: &Listing,
    readme: Option<&Readme>,
    has_archive: bool,
) -> Result<Vec<u8>, OutOfMemory> {
    let readme_length = readme.map_or(0, |readme| readme.text.len().min(README_BYTES_MAX));
    let mut out = String::new();
    let fixed_length = STYLE.len() + SCRIPT.len() + 2 * 1024;
    memory::reserve_text(&mut out, fixed_length + 240 * listing.entries.len() + readme_length)?;
    let folders: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty()).collect();
    let query = listing.order.query();
    out.extend([PAGE_START, "Index of "]);
    push_path(&mut out, &folders);
    out.extend(["</title>\n<style>", STYLE, "</style>\n</head>\n<body>\n<header>\n"]);
    push_breadcrumbs(&mut out, &folders, &query);
    if has_archive {
        out.push_str(
            "<form><button name=\"format\" value=\"tar\">Download as .tar</button></form>\n",
        );
    }
    out.push_str("</header>\n<main>\n");
    push_table(&mut out, &folders, listing, &query)?;
    if let Some(readme) = readme {
        readme::push(&mut out, readme)?;
    }
    out.extend(["</main>\n<script>", SCRIPT, "</script>\n</body>\n</html>\n"]);
    Ok(out.into_bytes())
}

fn push_path(out: &mut String, folders: &[&[u8]]) {
    out.push('/');
    for folder in folders {
        push_name(out, folder);
        out.push('/');
    }
}

/// The heading, which links every parent folder but not the folder itself. The links are relative,
/// since a proxy may serve the root below a path of its own, and keep the order. Without a query
/// they need no quotes: fsspec reads only quoted links, and takes all but `../` for entries.
fn push_breadcrumbs(out: &mut String, folders: &[&[u8]], query: &str) {
    out.push_str("<nav aria-label=\"Parent folders\"><h1><span>Index of</span> ");
    let Some((current, parents)) = folders.split_last() else {
        out.push_str("<bdi>/</bdi></h1></nav>\n");
        return;
    };
    let quote = if query.is_empty() { "" } else { "\"" };
    let up = |levels: usize| [quote, &"../".repeat(levels), query, quote].concat();
    out.extend(["<a href=", &up(folders.len()), " title=\"Root\">/</a>"]);
    for (at, folder) in parents.iter().enumerate() {
        out.extend(["<a href=", &up(parents.len() - at), "><bdi>"]);
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
    query: &str,
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
        push_heading(out, key, listing.order);
    }
    out.push_str("\n</thead>\n<tbody>\n");
    if !folders.is_empty() {
        out.extend(["<tr><th scope=row><a href=\"../", query, "\" title=\"Parent folder\">"]);
        out.push_str("../</a><td><td>\n");
    }
    for entry in &listing.entries {
        memory::reserve_text(out, row_bytes_max(entry))?;
        push_row(out, entry, query);
    }
    out.push_str("</tbody>\n<tfoot>\n");
    push_sums(out, listing);
    out.push_str("</tfoot>\n</table>\n");
    Ok(())
}

/// A heading that sorts by its column; a second click reverses the order. Like the one for the
/// archive, it is a button, since programs that mirror a site follow every link.
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
    let (name, direction) = (key.word(), order.clicked(key).direction());
    out.extend(["\n<th scope=\"col\"", sorted, "><form><button name=\"sort\" value=\"", name]);
    out.extend(["\">", label, "</button><input type=\"hidden\" name=\"order\" value=\""]);
    out.extend([direction, "\"></form></th>"]);
}

fn push_row(out: &mut String, entry: &Entry, query: &str) {
    out.push_str("<tr><th scope=row><a href=\"");
    push_href(out, entry);
    if entry.is_directory() {
        out.push_str(query);
    }
    out.push_str("\"><bdi>");
    push_name(out, &entry.name);
    out.push_str(if entry.is_directory() { "</bdi>/</a><td>" } else { "</bdi></a><td>" });
    if let Some(date) = entry.modified {
        let moment = date.rfc3339();
        let (day, minute) = (&moment[..10], &moment[11..16]);
        out.extend(["<time datetime=\"", &moment, "\">", day, " ", minute, "</time>"]);
    }
    match entry.size {
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

/// The table's foot: counts and sizes of all entries of the folder, shown or not.
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

/// An array of `{"name", "type", "size", "modified", "href"}`, one object per line.
///
/// `name` has U+FFFD for bytes that are not UTF-8; `type` is `directory`, `file` or `other`; `size`
/// is the bytes of a file, otherwise null; `modified` is an RFC 3339 time in UTC, or null if
/// unknown; `href` is a reference relative to the folder, percent-encoded from the exact bytes.
pub(crate) fn json(listing: &Listing) -> Result<Vec<u8>, OutOfMemory> {
    let mut out = String::new();
    memory::reserve_text(&mut out, 16 + 160 * listing.entries.len())?;
    out.push('[');
    for (at, entry) in listing.entries.iter().enumerate() {
        memory::reserve_text(&mut out, row_bytes_max(entry))?;
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        push_object(&mut out, entry);
    }
    out.push_str("\n]\n");
    Ok(out.into_bytes())
}

fn push_object(out: &mut String, entry: &Entry) {
    let kind = match entry.kind {
        Kind::Directory => "directory",
        Kind::File => "file",
        Kind::Other => "other",
    };
    let size = entry.size.map_or("null".to_owned(), |size| size.to_string());
    let modified =
        entry.modified.map_or("null".to_owned(), |date| format!("\"{}\"", date.rfc3339()));
    out.push_str(r#"{"name":"#);
    write_json_string(out, &String::from_utf8_lossy(&entry.name))
        .expect("writing to a String never fails");
    out.extend([r#","type":""#, kind, r#"","size":"#, &size, r#","modified":"#, &modified]);
    out.push_str(r#","href":""#);
    push_href(out, entry);
    out.push_str("\"}");
}
