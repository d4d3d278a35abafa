//! Lines written and lines lost, if a place refuses lines, takes parts of them, or takes none for a
//! while.

use super::*;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;

/// Takes as many bytes per call as the script says; `None` is a full disk. Afterwards it takes
/// everything.
#[derive(Default)]
struct Scripted {
    script: Vec<Option<usize>>,
    taken: Arc<Mutex<Vec<u8>>>,
    /// It takes nothing until its other end is dropped.
    released: Option<mpsc::Receiver<()>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.released.take().map(|released| released.recv());
        let step = if self.script.is_empty() { Some(usize::MAX) } else { self.script.remove(0) };
        let count = step.ok_or(ErrorKind::StorageFull)?.min(bytes.len());
        lock(&self.taken).extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer in the place of standard error's.
fn writer(out: impl Write + Send + 'static) -> Writer {
    let (queue, status_lines) = (Queue::open(None).unwrap(), StatusLines::new(None));
    Writer { queue, out: Box::new(out), is_torn: false, status_lines }
}

/// Starts a thread that writes to `out`. Returns the queue, once this line is under way.
fn start(out: Scripted, line: &str) -> Arc<Queue> {
    let writer = writer(out);
    let queue = Arc::clone(&writer.queue);
    thread::spawn(|| writer.write_until_closed());
    queue.hand_over(line);
    while lock(&queue.state).under_way == 0 {
        thread::yield_now();
    }
    queue
}

/// Writes these texts, one after the other. `want` is the output, `lost` the number of lost lines.
#[track_caller]
fn check(script: &[Option<usize>], texts: &[&str], want: &str, lost: u64) {
    let out = Scripted { script: script.to_vec(), ..Scripted::default() };
    let taken = Arc::clone(&out.taken);
    let mut writer = writer(out);
    for text in texts {
        writer.write(text.as_bytes());
    }
    assert_eq!(String::from_utf8(lock(&taken).clone()).unwrap(), want);
    assert_eq!(writer.queue.lost(), lost, "{want:?}");
}

#[test]
fn lines_stay_whole_and_lost_ones_are_counted() {
    let lines = ["one\n", "two\n", "three\n", "four\n"];
    check(&[], &lines, "one\ntwo\nthree\nfour\n", 0);
    check(&[Some(1), Some(2)], &lines, "one\ntwo\nthree\nfour\n", 0);
    check(&[None], &lines, "two\nthree\nfour\n", 1);
    check(&[Some(2), None], &lines, "on\ntwo\nthree\nfour\n", 1);
    check(&[Some(3), None, None], &lines, "one\nthree\nfour\n", 2);
    check(&[Some(1), None, Some(1), None], &lines, "o\nthree\nfour\n", 2);
    check(&[Some(0)], &lines, "two\nthree\nfour\n", 1);
}

#[test]
fn of_lines_that_go_out_together_those_are_lost_that_are_not_whole() {
    let batches = ["one\ntwo\nthree\n", "four\nfive\n"];
    check(&[None], &batches, "four\nfive\n", 3);
    check(&[Some(4), None], &batches, "one\nfour\nfive\n", 2);
    check(&[Some(9), None], &batches, "one\ntwo\nt\nfour\nfive\n", 1);
    check(&[Some(9), None, Some(3), None], &batches, "one\ntwo\nt\nfo", 3);
    check(&[Some(13), None], &batches, "one\ntwo\nthree\nfour\nfive\n", 1);
}

#[test]
fn what_finds_no_room_in_the_queue_is_counted() {
    let (release, released) = mpsc::channel();
    let out = Scripted { released: Some(released), ..Scripted::default() };
    let (taken, line) = (Arc::clone(&out.taken), "x".repeat(1023));
    let queue = start(out, &line);
    for _ in 0..1500 {
        queue.hand_over(&line);
    }
    let room = QUEUE_BYTES_MAX as u64 / 1024;
    assert_eq!(queue.lost(), 1500 - room);
    drop(release);
    queue.close();
    assert_eq!(queue.lost(), 1500 - room);
    assert_eq!(lock(&taken).len() as u64, (1 + room) * 1024);
}

#[test]
fn the_end_does_not_wait_for_ever_and_counts_what_is_left() {
    let (_release, released) = mpsc::channel();
    let queue = start(Scripted { released: Some(released), ..Scripted::default() }, "under way");
    queue.hand_over("one");
    queue.hand_over("two");
    queue.close();
    assert_eq!(queue.lost(), 3);
}

#[test]
fn a_descriptor_that_does_not_block_is_waited_for() {
    let (reader, writer_end) = io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer_end, true).unwrap();
    let text = "x".repeat(300_000) + "\n";
    let reading = thread::spawn(move || io::read_to_string(reader).unwrap());
    let mut writer = writer(File::from(OwnedFd::from(writer_end)));
    assert!(writer.write(text.as_bytes()));
    drop(writer);
    assert_eq!(reading.join().unwrap(), text);
}

/// Queues these lines; `None` stands for a rename and a reopening.
fn write_in(path: &Path, old: &Path, lines: &[Option<&str>]) -> Arc<Queue> {
    let queue = Queue::open(Some(path)).unwrap();
    for line in lines {
        if let Some(line) = line {
            queue.hand_over(line);
        } else {
            fs::rename(path, old).unwrap();
            queue.reopen();
        }
    }
    queue.start(None).unwrap();
    queue.close();
    queue
}

#[test]
fn lines_handed_over_before_a_reopening_go_to_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("a log\n"), folder.path().join("old"));
    fs::write(&path, "before\n").unwrap();
    let lines = [Some("one"), Some("two"), None, Some("three"), Some("four")];
    let queue = write_in(&path, &old, &lines);
    assert_eq!(fs::read_to_string(&old).unwrap(), "before\none\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\nfour\n");
    assert_eq!(queue.lost(), 0);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o} gives more than 0640");
}

#[test]
fn the_old_file_stays_when_reopening_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("log"), folder.path().join("old"));
    let queue = Queue::open(Some(&path)).unwrap();
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    queue.reopen();
    queue.hand_over("one");
    queue.start(None).unwrap();
    queue.close();
    assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
}

#[test]
fn a_full_disk_ends_with_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let queue = write_in(&path, &folder.path().join("old"), &[Some("one"), None, Some("two")]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    assert_eq!(queue.lost(), 1);
}

#[test]
fn a_pipe_without_a_reader_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(Queue::open(Some(&path)).is_err(), "no reader, yet opened");
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let reader = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
    let queue = Queue::open(Some(&path)).unwrap();
    drop(reader);
    queue.start(None).unwrap();
    queue.hand_over("one");
    queue.close();
    assert_eq!(queue.lost(), 1);
}
