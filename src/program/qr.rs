//! A URL as a QR code on a terminal, for the camera of a phone.
//!
//! Two modules share a character: half blocks, black on white whatever the terminal's theme. Where
//! colours are not wanted, the blocks are the light modules: right on a terminal whose text is
//! light.

use std::net::SocketAddr;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code, on each side (ISO/IEC 18004 section 6.3.8).
const QUIET_ZONE: usize = 4;

/// Black on white, exactly: a theme may have its own idea of the first sixteen colours.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// What of each pair of modules is drawn: neither, the upper, the lower, both.
const BLOCKS: [char; 4] = [' ', '▀', '▄', '█'];

/// A code, ready to be drawn.
pub(super) struct Code {
    url: String,
    modules: QrCode,
}

impl Code {
    /// The code of the first URL that other machines can reach. The error is a sentence.
    pub(super) fn new(reachable: &[SocketAddr]) -> Result<Self, String> {
        let address = reachable.iter().find(|address| !address.ip().is_loopback());
        let address = address.ok_or(
            "no other machine can reach this server, so --qr has no URL to show: \
             it takes --bind 0.0.0.0, or the address of a network",
        )?;
        let url = format!("http://{address}/");
        // A screen is clean: the lowest level makes the smallest code.
        let modules = QrCode::with_error_correction_level(&url, EcLevel::L)
            .expect("a URL of an address is far shorter than the longest that fits");
        Ok(Self { url, modules })
    }

    /// The lines that show it, below its URL, if the terminal has so many columns.
    pub(super) fn lines(&self, columns: usize, colour: bool) -> String {
        let width = self.modules.width() + 2 * QUIET_ZONE;
        if columns < width {
            return format!("the QR code needs a terminal of {width} columns\n");
        }
        let (on, off) = if colour { (BLACK_ON_WHITE, RESET) } else { ("", "") };
        let is_drawn = |x, y| colour == self.is_dark(x, y);
        let mut lines = format!("to scan: {}\n", self.url);
        for y in (0..width).step_by(2) {
            let pairs = (0..width).map(|x| (is_drawn(x, y), is_drawn(x, y + 1)));
            let blocks = pairs.map(|(up, low)| BLOCKS[usize::from(up) + 2 * usize::from(low)]);
            lines.extend([on, &blocks.collect::<String>(), off, "\n"]);
        }
        lines
    }

    /// Whether a module is dark, counted from the corner of the quiet zone.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let range = QUIET_ZONE..QUIET_ZONE + self.modules.width();
        range.contains(&x)
            && range.contains(&y)
            && self.modules[(x - QUIET_ZONE, y - QUIET_ZONE)] == Color::Dark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(reachable: &[&str]) -> Result<Code, String> {
        let reachable: Vec<_> = reachable.iter().map(|text| text.parse().unwrap()).collect();
        Code::new(&reachable)
    }

    #[test]
    fn the_first_address_that_is_not_loopback_is_shown() {
        let url = |reachable: &[&str]| code(reachable).map(|code| code.url);
        assert_eq!(url(&["127.0.0.1:1", "192.0.2.2:2"]).as_deref(), Ok("http://192.0.2.2:2/"));
        assert_eq!(url(&["[fd00::2]:80"]).as_deref(), Ok("http://[fd00::2]:80/"));
        for none in [&["127.0.0.1:80", "[::1]:80"][..], &[]] {
            assert!(url(none).unwrap_err().contains("--bind"), "{none:?}");
        }
    }

    #[test]
    fn it_is_drawn_in_half_blocks_with_a_quiet_zone() {
        let code = code(&["192.0.2.2:80"]).unwrap();
        let lines = code.lines(33, false);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[0], "to scan: http://192.0.2.2:80/");
        assert_eq!(lines.len(), 1 + 17);
        assert!(lines[1..].iter().all(|line| line.chars().count() == 33));
        // The quiet zone is light, and light is drawn; below the code is half a row of it.
        assert_eq!(lines[1], "█".repeat(33));
        assert_eq!(lines[3], format!("████ {}", &lines[3]["████ ".len()..]));
        assert_eq!(lines[17], "█".repeat(33));
        let coloured = code.lines(33, true);
        let first = format!("{BLACK_ON_WHITE}{}{RESET}", " ".repeat(33));
        assert_eq!(coloured.lines().nth(1), Some(&first[..]));
        assert_eq!(code.lines(32, true).lines().count(), 1);
    }
}
