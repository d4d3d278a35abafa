//! The workloads: the requests, the number of clients at once, and the servers.

use std::time::Duration;

use crate::load::Body;
use crate::servers::{Kind, Purpose};
use crate::tree;

/// A request without progress for this long has failed. If the server's queue of connections is
/// full, the kernel tries to connect again after 1 and 3 seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// A long listing may take a while before its first byte.
const LISTING_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) purpose: Purpose,
    pub(crate) rounds: usize,
    pub(crate) measure: Measure,
    pub(crate) takes_part: fn(Kind) -> bool,
    /// Why some servers don't take part, and what else a reader of the numbers should know.
    pub(crate) notes: &'static [&'static str],
}

pub(crate) enum Measure {
    /// Requests: how many the clients complete.
    Load(Load),
    /// The memory that each of this many idle connections takes.
    Idle { connections: usize },
    /// From exec to the first answer.
    Start,
}

pub(crate) struct Load {
    pub(crate) path: String,
    /// The query after the path, for this server.
    pub(crate) query: fn(Kind) -> &'static str,
    pub(crate) status: u16,
    pub(crate) body: Body,
    pub(crate) clients: usize,
    pub(crate) patience: Duration,
}

const SERVES_FILES: fn(Kind) -> bool = |kind| kind != Kind::Floor;
const LISTS: fn(Kind) -> bool = |kind| !matches!(kind, Kind::Floor | Kind::Busybox);
const LISTS_AT_LENGTH: fn(Kind) -> bool =
    |kind| matches!(kind, Kind::Httpd | Kind::Nginx | Kind::Miniserve);
const ARCHIVES: fn(Kind) -> bool =
    |kind| matches!(kind, Kind::Httpd | Kind::Miniserve | Kind::StaticWebServer);
const SENDS_TAR: fn(Kind) -> bool = |kind| matches!(kind, Kind::Httpd | Kind::Miniserve);
const LOGS_COMBINED: fn(Kind) -> bool = |kind| matches!(kind, Kind::Httpd | Kind::Nginx);

const NO_QUERY: fn(Kind) -> &'static str = |_| "";
const ARCHIVE_QUERY: fn(Kind) -> &'static str = |kind| match kind {
    Kind::Miniserve => "?download=tar",
    Kind::StaticWebServer => "?download=targz",
    _ => "?format=tar",
};

pub(crate) fn all() -> Vec<Workload> {
    vec![
        file("small-1", "140.html", 1, |_| true),
        file("small-8", "140.html", 8, |_| true),
        file("small-64", "140.html", 64, |_| true),
        file("small-512", "140.html", 512, |_| true),
        file("10k-8", "10k.html", 8, SERVES_FILES),
        file("100k-8", "100k.html", 8, SERVES_FILES),
        file("10m-8", "10m.bin", 8, SERVES_FILES),
        Workload { rounds: 3, ..file("1g-2", "1g.bin", 2, SERVES_FILES) },
        not_found(),
        listing("listing-1000", 1_000, LISTS),
        listing("listing-10000", 10_000, LISTS),
        listing("listing-100000", 100_000, LISTS_AT_LENGTH),
        archive("archive-small", &tree::MANY_SMALL),
        Workload { rounds: 3, ..file("archive-small-as-one-file", "10m.bin", 1, ARCHIVES) },
        Workload { takes_part: SENDS_TAR, ..archive("archive-large", &tree::FEW_LARGE) },
        Workload { rounds: 3, ..file("archive-large-as-one-file", "1g.bin", 1, ARCHIVES) },
        Workload {
            name: "idle-memory",
            title: "5,000 connections with one byte sent".into(),
            purpose: Purpose::Idle,
            rounds: 1,
            measure: Measure::Idle { connections: 5_000 },
            takes_part: SERVES_FILES,
            notes: &[],
        },
        Workload {
            name: "start",
            title: "from exec to the first answer".into(),
            purpose: Purpose::Files,
            rounds: 15,
            measure: Measure::Start,
            takes_part: SERVES_FILES,
            notes: &[],
        },
        Workload {
            purpose: Purpose::Logged,
            title: "140.html, 8 clients, combined access log to a file".into(),
            notes: &["only the servers whose logs have the same format"],
            ..file("small-8-logged", "140.html", 8, LOGS_COMBINED)
        },
    ]
}

/// A request for the smallest file, to see whether a server is up.
pub(crate) fn smallest() -> Load {
    let (name, length) = tree::FILES[0];
    Load {
        path: format!("/{name}"),
        query: NO_QUERY,
        status: 200,
        body: Body::Exactly(length),
        clients: 1,
        patience: PATIENCE,
    }
}

fn file(
    name: &'static str,
    file: &'static str,
    clients: usize,
    takes_part: fn(Kind) -> bool,
) -> Workload {
    let (_, length) = *tree::FILES
        .iter()
        .find(|(name, _)| *name == file)
        .expect("the tree has every file that a workload names");
    let load = Load {
        path: format!("/{file}"),
        query: NO_QUERY,
        status: 200,
        body: Body::Exactly(length),
        clients,
        patience: PATIENCE,
    };
    Workload {
        name,
        title: format!("{file} ({length} bytes), {}", people(clients)),
        purpose: Purpose::Files,
        rounds: 5,
        measure: Measure::Load(load),
        takes_part,
        notes: &[],
    }
}

fn not_found() -> Workload {
    let load = Load {
        path: "/missing.html".into(),
        query: NO_QUERY,
        status: 404,
        body: Body::AtLeast(0),
        clients: 8,
        patience: PATIENCE,
    };
    Workload {
        name: "404-8",
        title: "a file that is not there, 8 clients".into(),
        purpose: Purpose::Files,
        rounds: 5,
        measure: Measure::Load(load),
        takes_part: SERVES_FILES,
        notes: &[],
    }
}

fn listing(name: &'static str, entries: usize, takes_part: fn(Kind) -> bool) -> Workload {
    let clients = 2;
    let load = Load {
        path: format!("/listing-{entries}/"),
        query: NO_QUERY,
        status: 200,
        // At least the names of all entries, whatever the page looks like.
        body: Body::AtLeast((entries * tree::entry_name(0).len()) as u64),
        clients,
        patience: LISTING_PATIENCE,
    };
    Workload {
        name,
        title: format!("a folder of {entries} files, {clients} clients"),
        purpose: Purpose::Listing,
        rounds: 3,
        measure: Measure::Load(load),
        takes_part,
        notes: &[
            "httpd with --listing-limit 100000, so that all show every entry",
            "busybox httpd does not list folders, webfsd caches its listings in memory",
        ],
    }
}

fn archive(name: &'static str, folder: &tree::Folder) -> Workload {
    let &tree::Folder { name: folder, files, length } = folder;
    let load = Load {
        path: format!("/{folder}/"),
        query: ARCHIVE_QUERY,
        status: 200,
        // At least the names: the files are equal, and one server compresses them.
        body: Body::AtLeast((files * tree::entry_name(0).len()) as u64),
        clients: 1,
        patience: LISTING_PATIENCE,
    };
    Workload {
        name,
        title: format!("a folder of {files} files of {length} bytes as an archive, 1 client"),
        purpose: Purpose::Archive,
        rounds: 3,
        measure: Measure::Load(load),
        takes_part: ARCHIVES,
        notes: &[
            "httpd and miniserve send a tar archive, static-web-server one that is gzipped, which \
             takes it half a minute for 1 GB",
        ],
    }
}

fn people(clients: usize) -> String {
    if clients == 1 { "1 client".into() } else { format!("{clients} clients") }
}
