//! Where lines are written: one write for each, and what happens when it cannot be.
//!
//! Writing may fail at any time: the disk fills, the reader of a pipe goes away. Then the line is
//! dropped and counted, serving goes on, and the caller learns when this starts and when it has
//! ended, once each. Nothing here logs, panics or waits for a disk to become free.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::mem;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::OFlags;

use crate::lock::lock;

/// The access lines' own file, which another program may rename away (logrotate does).
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    lines: Mutex<Lines<File>>,
}

/// Lines on their way into something that may refuse them.
#[derive(Debug)]
pub(super) struct Lines<W> {
    out: W,
    /// Lines dropped since the last one that could be written.
    lost: u64,
    /// Whether the last text was cut off, and not at the end of a line.
    torn: bool,
    /// Whether any of the last text was written.
    is_begun: bool,
}

/// What the caller should log about the writing of lines.
#[derive(Debug)]
pub(super) enum Notice {
    /// A line was dropped, the first after one that was written.
    Failing(io::Error),
    /// A line was written again, after so many that were dropped.
    Recovered { lost: u64 },
}

impl LogFile {
    /// Opens the file for appending, and makes it (mode 0640) where there is none.
    pub(crate) fn open(path: &Path) -> io::Result<Arc<Self>> {
        let lines = Mutex::new(Lines::new(open(path)?));
        Ok(Arc::new(Self { path: path.to_owned(), lines }))
    }

    /// Opens the path anew, after a rename; when that fails, lines go on into the old file.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        let file = open(&self.path)?;
        lock(&self.lines).continue_in(file);
        Ok(())
    }

    /// The path as it was given.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, line: &str) -> Option<Notice> {
        lock(&self.lines).write(line)
    }
}

/// Not blocking: a named pipe whose reader sleeps must neither hold up the start nor a response.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lost: 0, torn: false, is_begun: false }
    }

    /// Writes the line, or counts it as lost.
    pub(super) fn write(&mut self, line: &str) -> Option<Notice> {
        let result = self.attempt(&format!("{line}\n"));
        self.note(result)
    }

    /// Writes a text, in one call to the system as long as it takes all of it.
    pub(super) fn attempt(&mut self, text: &str) -> io::Result<()> {
        self.is_begun = false;
        // What is left of a line that was cut off must not become the start of this one.
        if self.torn {
            return self.write_all(format!("\n{text}").as_bytes());
        }
        self.write_all(text.as_bytes())
    }

    /// Whether a text that met with this may be attempted again after a wait: none of it was
    /// written, only for want of room, and no line was lost there before.
    pub(super) fn may_wait(&self, result: &io::Result<()>) -> bool {
        let is_full = matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock);
        is_full && !self.is_begun && self.lost == 0
    }

    /// Counts a line that was not written, and gives what the caller should log.
    pub(super) fn note(&mut self, result: io::Result<()>) -> Option<Notice> {
        match result {
            Ok(()) => match mem::take(&mut self.lost) {
                0 => None,
                lost => Some(Notice::Recovered { lost }),
            },
            Err(error) => {
                self.lost = self.lost.saturating_add(1);
                (self.lost == 1).then_some(Notice::Failing(error))
            }
        }
    }

    /// Like `Write::write_all`, but knows afterwards whether the text was cut off.
    fn write_all(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.is_begun = true;
                    self.torn = rest[count - 1] != b'\n';
                    rest = &rest[count..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.torn = false;
        Ok(())
    }

    /// Goes on in another place. Lines lost before are still reported when this one takes a line.
    fn continue_in(&mut self, out: W) {
        self.out = out;
        self.torn = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::Mode;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    /// Takes as many bytes with each call as in the script; `None` is a full disk.
    struct Scripted {
        script: Vec<Option<usize>>,
        taken: Vec<u8>,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let step =
                if self.script.is_empty() { Some(usize::MAX) } else { self.script.remove(0) };
            let count = step.ok_or(ErrorKind::StorageFull)?.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Writes `one`, `two`, ...; `want` is the text written, `notices` has a word for each line.
    #[track_caller]
    fn check(script: &[Option<usize>], want: &str, notices: &[&str]) {
        let mut lines = Lines::new(Scripted { script: script.to_vec(), taken: Vec::new() });
        let got: Vec<String> = ["one", "two", "three", "four"]
            .iter()
            .map(|line| match lines.write(line) {
                None => String::new(),
                Some(Notice::Failing(error)) => format!("{:?}", error.kind()),
                Some(Notice::Recovered { lost }) => format!("lost {lost}"),
            })
            .collect();
        assert_eq!(String::from_utf8(lines.out.taken).unwrap(), want);
        assert_eq!(got, notices);
    }

    #[test]
    fn failures_are_reported_once_and_lines_stay_whole() {
        check(&[], "one\ntwo\nthree\nfour\n", &["", "", "", ""]);
        check(&[Some(1), Some(2)], "one\ntwo\nthree\nfour\n", &["", "", "", ""]);
        check(&[None], "two\nthree\nfour\n", &["StorageFull", "lost 1", "", ""]);
        check(&[None, None, None], "four\n", &["StorageFull", "", "", "lost 3"]);
        check(&[None; 4], "", &["StorageFull", "", "", ""]);
        let twice = [None, Some(9), None, Some(9)];
        check(&twice, "two\nfour\n", &["StorageFull", "lost 1", "StorageFull", "lost 1"]);
        check(&[Some(2), None], "on\ntwo\nthree\nfour\n", &["StorageFull", "lost 1", "", ""]);
        check(&[Some(3), None, None], "one\nthree\nfour\n", &["StorageFull", "", "lost 2", ""]);
        let between = [Some(1), None, Some(1), None];
        check(&between, "o\nthree\nfour\n", &["StorageFull", "", "lost 2", ""]);
        check(&[Some(0)], "two\nthree\nfour\n", &["WriteZero", "lost 1", "", ""]);
    }

    /// Also after a text that was cut off, such as a footer that found no room.
    #[test]
    fn a_text_is_attempted_again_only_where_none_of_it_was_written() {
        let script = vec![Some(2), None, None, Some(1), None];
        let mut lines = Lines::new(Scripted { script, taken: Vec::new() });
        let full = Err(ErrorKind::WouldBlock.into());
        for (text, may_wait) in [("footer", false), ("one\n", true), ("one\n", false)] {
            assert!(lines.attempt(text).is_err());
            assert_eq!(lines.may_wait(&full), may_wait);
        }
        assert!(lines.attempt("two\n").is_ok());
        assert_eq!(lines.out.taken, b"fo\ntwo\n");
    }

    #[test]
    fn a_renamed_file_is_left_on_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("a log\n"), folder.path().join("old"));
        fs::write(&path, "before\n").unwrap();
        let log = LogFile::open(&path).unwrap();
        assert!(log.write("one").is_none());
        fs::rename(&path, &old).unwrap();
        assert!(log.write("two").is_none());
        log.reopen().unwrap();
        assert!(log.write("three").is_none());
        assert_eq!(fs::read_to_string(&old).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o} gives more than 0640");
    }

    #[test]
    fn the_old_file_stays_when_reopening_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("log"), folder.path().join("old"));
        let log = LogFile::open(&path).unwrap();
        fs::rename(&path, &old).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(log.reopen().is_err());
        assert!(log.write("one").is_none());
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(log.path(), path);
    }

    #[test]
    fn a_full_disk_is_reported_once_and_ends_with_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let log = LogFile::open(&path).unwrap();
        assert!(matches!(log.write("one"), Some(Notice::Failing(_))));
        assert!(log.write("two").is_none());
        fs::remove_file(&path).unwrap();
        log.reopen().unwrap();
        assert!(matches!(log.write("three"), Some(Notice::Recovered { lost: 2 })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_pipe_without_a_reader_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(LogFile::open(&path).is_err(), "no reader, yet opened");
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path)
            .unwrap();
        let log = LogFile::open(&path).unwrap();
        let line = "x".repeat(1 << 20);
        assert!(matches!(log.write(&line), Some(Notice::Failing(_))), "a full pipe took it all");
        drop(reader);
        assert!(log.write("one").is_none(), "the failure was already reported");
    }
}
