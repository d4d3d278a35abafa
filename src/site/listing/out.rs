//! Text on its way out: kept, or only counted.
//!
//! HEAD asks for the length of a page that may have ten thousand rows. Each row is written, counted
//! and dropped, so that it costs no page in memory.

/// What has been written so far.
#[derive(Default)]
pub(super) struct Out {
    /// What is kept, or has not been counted yet.
    pub(super) text: String,
    counted: u64,
    is_only_counted: bool,
}

impl Out {
    /// Text that is kept, with room for that many bytes.
    pub(super) fn kept(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), ..Self::default() }
    }

    /// Text that is only counted.
    pub(super) fn counted() -> Self {
        Self { is_only_counted: true, ..Self::default() }
    }

    /// A piece is whole.
    pub(super) fn settle(&mut self) {
        if self.is_only_counted {
            self.counted += self.text.len() as u64;
            self.text.clear();
        }
    }

    /// All that was kept.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The length of all that was written.
    pub(super) fn length(&self) -> u64 {
        self.counted + self.text.len() as u64
    }
}
