//! The report: tables in Markdown, which can be pasted into documents, and JSON.
//!
//! Only the tables go to standard output. A value that could not be measured is a dash in a table
//! and `null` in JSON, never a zero.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::SystemTime;

use httpd::http::date::Date;

use crate::servers::Server;
use crate::workloads::Workload;

/// The server that all others are compared with.
pub(crate) const OWN: &str = "httpd";
pub(crate) const FLOOR: &str = "floor";

/// A column of a table: its heading and its name in JSON.
pub(crate) struct Column {
    title: &'static str,
    key: &'static str,
}

pub(crate) const LOAD: &[Column] = &[
    column("req/s", "requests_per_second"),
    column("MB/s", "megabytes_per_second"),
    column("CPU µs/req", "cpu_us_per_request"),
    column("voluntary/req", "voluntary_switches_per_request"),
    column("forced/req", "forced_switches_per_request"),
    column("p50 ms", "p50_ms"),
    column("p99 ms", "p99_ms"),
    column("httpd/it req/s", "times_requests"),
    column("httpd/it CPU", "times_cpu"),
];
pub(crate) const IDLE: &[Column] = &[
    column("kB each", "kb_per_connection"),
    column("held", "connections"),
    column("kB before", "kb_before"),
    column("kB after", "kb_after"),
    column("httpd/it", "times"),
];
pub(crate) const START: &[Column] =
    &[column("ms", "start_ms"), column("slowest ms", "slowest_ms"), column("httpd/it", "times")];

/// The values in the summary, and their titles.
const SUMMARY: [(&str, &str); 7] = [
    ("requests_per_second", "Requests per second"),
    ("cpu_us_per_request", "CPU time of the server for each request, µs"),
    ("voluntary_switches_per_request", "Voluntary changes of context for each request"),
    ("forced_switches_per_request", "Forced changes of context for each request"),
    ("p99_ms", "Latency, 99th percentile, ms"),
    ("kb_per_connection", "Resident memory of each idle connection, kB"),
    ("start_ms", "Start to first answer, ms"),
];

/// One workload's results.
pub(crate) struct Table {
    pub(crate) workload: &'static str,
    pub(crate) title: String,
    pub(crate) columns: &'static [Column],
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

/// One server's values, in the order of the columns.
pub(crate) struct Row {
    pub(crate) server: &'static str,
    pub(crate) values: Vec<Option<f64>>,
}

/// How the bench ran: on which machine, when, by which command, and with which servers.
pub(crate) struct Setting {
    cpu: String,
    cores: usize,
    kernel: String,
    date: String,
    command: String,
    servers: Vec<(&'static str, String)>,
    missing: Vec<String>,
}

const fn column(title: &'static str, key: &'static str) -> Column {
    Column { title, key }
}

impl Table {
    pub(crate) fn new(workload: &Workload) -> Self {
        Self {
            workload: workload.name,
            title: workload.title.clone(),
            columns: &[],
            rows: Vec::new(),
            notes: workload.notes.iter().map(|&note| note.to_owned()).collect(),
        }
    }

    /// Fills the column `ratio`: the value of `httpd` divided by the row's own.
    pub(crate) fn compare(&mut self, key: &str, ratio: &str) {
        let own = self.value(OWN, key);
        let of = |key| self.columns.iter().position(|column| column.key == key);
        let (Some(of), Some(into)) = (of(key), of(ratio)) else { return };
        for row in self.rows.iter_mut().filter(|row| row.server != OWN) {
            row.values[into] = own.zip(row.values[of]).map(|(own, other)| own / other);
        }
    }

    pub(crate) fn value(&self, server: &str, key: &str) -> Option<f64> {
        let index = self.columns.iter().position(|column| column.key == key)?;
        *self.rows.iter().find(|row| row.server == server)?.values.get(index)?
    }

    /// Heading, table and notes.
    pub(crate) fn markdown(&self) -> String {
        let headings = self.columns.iter().map(|column| column.title.to_owned());
        let mut lines = vec![[self.workload.to_owned()].into_iter().chain(headings).collect()];
        for row in &self.rows {
            let values = row.values.iter().copied().map(number);
            lines.push([row.server.to_owned()].into_iter().chain(values).collect());
        }
        let mut text = format!("### {}: {}\n\n{}\n", self.workload, self.title, aligned(&lines));
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }

    fn json(&self) -> String {
        let row = |row: &Row| {
            let values = self.columns.iter().zip(&row.values).map(|(column, value)| {
                let value = value.filter(|it| it.is_finite());
                format!("{:?}: {}", column.key, value.map_or("null".into(), |it| it.to_string()))
            });
            let values: Vec<String> = values.collect();
            format!("{{\"server\": {}, {}}}", quoted(row.server), values.join(", "))
        };
        format!(
            "{{\"name\": {}, \"title\": {}, \"rows\": {}, \"notes\": {}}}",
            quoted(self.workload),
            quoted(&self.title),
            list(self.rows.iter().map(row)),
            list(self.notes.iter().map(|note| quoted(note))),
        )
    }
}

impl Setting {
    pub(crate) fn now(servers: &[Server], missing: Vec<String>, command: String) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: model.map_or("unknown processor".into(), |(_, model)| model.to_owned()),
            cores: thread::available_parallelism().map_or(1, Into::into),
            kernel: kernel.trim().to_owned(),
            date: Date::clamped(SystemTime::now()).rfc3339(),
            command,
            servers: servers.iter().map(|it| (it.name, it.version.clone())).collect(),
            missing,
        }
    }

    pub(crate) fn markdown(&self) -> String {
        let Self { cpu, cores, kernel, date, command, .. } = self;
        let mut text = format!("`{command}`, {date}, on {cores} × {cpu}, Linux {kernel}\n\n");
        for (name, version) in &self.servers {
            let _ = writeln!(text, "- {name}: {version}");
        }
        for sentence in &self.missing {
            let _ = writeln!(text, "- {sentence}");
        }
        text
    }

    /// The whole report.
    pub(crate) fn json(&self, tables: &[Table]) -> String {
        let server = |(name, version): &(&str, String)| {
            format!("{{\"name\": {}, \"version\": {}}}", quoted(name), quoted(version))
        };
        format!(
            "{{\n\"machine\": {{\"cpu\": {}, \"cores\": {}, \"kernel\": {}}},\n\"date\": {},\n\
             \"command\": {},\n\"servers\": {},\n\"missing\": {},\n\"workloads\": {}\n}}\n",
            quoted(&self.cpu),
            self.cores,
            quoted(&self.kernel),
            quoted(&self.date),
            quoted(&self.command),
            list(self.servers.iter().map(server)),
            list(self.missing.iter().map(|sentence| quoted(sentence))),
            list(tables.iter().map(Table::json)),
        )
    }
}

/// One table per value, with a line per workload and a column per server.
pub(crate) fn summary(servers: &[Server], tables: &[Table]) -> String {
    let mut text = String::new();
    for (key, words) in SUMMARY {
        let measured: Vec<&Table> =
            tables.iter().filter(|table| table.columns.iter().any(|it| it.key == key)).collect();
        // The floor serves no files, but the small workloads are compared with it.
        let shown = |server: &&Server| {
            server.name != FLOOR || measured.iter().any(|it| it.value(FLOOR, key).is_some())
        };
        let names: Vec<&str> = servers.iter().filter(shown).map(|server| server.name).collect();
        let mut lines: Vec<Vec<String>> = Vec::new();
        lines.push([""].iter().chain(&names).map(|&name| name.to_owned()).collect());
        for table in &measured {
            let values = names.iter().map(|name| number(table.value(name, key)));
            lines.push([table.workload.to_owned()].into_iter().chain(values).collect());
        }
        if !measured.is_empty() {
            let _ = writeln!(text, "**{words}**\n\n{}", aligned(&lines));
        }
    }
    text
}

/// A Markdown table whose columns are aligned in a terminal, numbers to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let widths = lines.iter().filter_map(|line| Some(line.get(column)?.chars().count()));
        widths.max().unwrap_or_default().max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "| {cell:<width$} |"),
                _ => write!(text, " {cell:>width$} |"),
            };
        }
        text.push('\n');
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let _ = match column {
                    0 => write!(text, "|{:-<1$}|", "", width + 2),
                    _ => write!(text, "{:->1$}:|", "", width + 1),
                };
            }
            text.push('\n');
        }
    }
    text
}

/// With three or four significant digits.
fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
        None => "-".to_owned(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[\n{}\n]", items.join(",\n"))
}

/// A JSON string (RFC 8259 section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
