//! The picture: requests per second as bars, in SVG, for readers who skip tables.
//!
//! Only this run's measurements are drawn, the servers in order of their answers per second.

use std::fmt::Write as _;

use crate::report::{FLOOR, OWN, Table};

const KEY: &str = "requests_per_second";

/// Lengths in pixels. Text of 13 pixels fits a line.
const WIDTH: u32 = 720;
const LINE_HEIGHT: u32 = 20;
const BAR_HEIGHT: u32 = 14;
const NAME_WIDTH: u32 = 140;
const VALUE_WIDTH: u32 = 70;

const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
rect { fill: #8c959f }
.own { fill: #0969da }
.title { font-weight: 600 }
.value { text-anchor: end }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  rect { fill: #6e7681 }
  .own { fill: #4493f8 }
}
";

/// The small files of these tables; `None` if there are none.
pub(crate) fn requests(tables: &[Table]) -> Option<String> {
    let is_small = |table: &&Table| ["small-1", "small-8", "small-64"].contains(&table.workload);
    let tables: Vec<&Table> = tables.iter().filter(is_small).collect();
    let most = tables.iter().flat_map(|table| bars(table)).map(|bar| bar.1).reduce(f64::max)?;
    let (mut shapes, mut y) = (String::new(), 0_u32);
    for table in tables {
        y += LINE_HEIGHT;
        let title = &table.title;
        let _ =
            writeln!(shapes, r#"<text class="title" y="{y}">{title}, requests per second</text>"#);
        for (server, value) in bars(table) {
            y += LINE_HEIGHT;
            bar(&mut shapes, y, server, value, value / most);
        }
        y += LINE_HEIGHT / 2;
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" role=\"img\">\n\
         <title>Requests per second of httpd and other servers</title>\n\
         <style>{STYLE}</style>\n{shapes}</svg>\n"
    ))
}

/// The servers that took part and their answers per second, the most first.
fn bars(table: &Table) -> Vec<(&'static str, f64)> {
    let servers = table.rows.iter().map(|row| row.server).filter(|&server| server != FLOOR);
    let mut bars: Vec<_> = servers.filter_map(|it| Some((it, table.value(it, KEY)?))).collect();
    bars.sort_by(|one, other| other.1.total_cmp(&one.1));
    bars
}

fn bar(shapes: &mut String, baseline: u32, server: &str, value: f64, share: f64) {
    let class = if server == OWN { r#" class="own""# } else { "" };
    let width = f64::from(WIDTH - NAME_WIDTH - VALUE_WIDTH) * share;
    let top = baseline + 3 - BAR_HEIGHT;
    let _ = writeln!(
        shapes,
        "<text y=\"{baseline}\">{server}</text>\
         <rect{class} x=\"{NAME_WIDTH}\" y=\"{top}\" width=\"{width:.0}\" \
         height=\"{BAR_HEIGHT}\" rx=\"2\"/>\
         <text class=\"value\" x=\"{WIDTH}\" y=\"{baseline}\">{value:.0}</text>"
    );
}
