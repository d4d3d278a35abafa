//! The measurements: every server in turn, round after round, and the medians of the results.
//!
//! All servers of a workload run from its beginning to its end, and all but one are idle. Each
//! round begins with a different server, so that none is always the first.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};

use crate::load::{self, Client, Request, Round};
use crate::report::{IDLE, LOAD, Row, START, Table};
use crate::servers::{Kind, Purpose, Server, Site};
use crate::session::{Session, Switches};
use crate::workloads::{Load, Measure, Workload, smallest};

/// How long a server may take to give its first answer.
const START_TIME_MAX: Duration = Duration::from_secs(10);
/// Enough to load the code and the file; hundreds of clients would take seconds to end.
const WARM_UP_CLIENTS_MAX: usize = 8;
const START_PAUSE: Duration = Duration::from_micros(100);
/// Between idle connections, so that a short queue of connections does not overflow.
const IDLE_PAUSE: Duration = Duration::from_micros(250);
const IDLE_TIME_MAX: Duration = Duration::from_secs(10);
/// How long the server may take after the last idle connection to accept them all.
const IDLE_SETTLE_MAX: Duration = Duration::from_secs(3);
/// Below the range from which Linux takes the ports of outgoing connections: a client that connects
/// to a closed port in that range may be given the same port, and so connect to itself.
const FIRST_PORT: u16 = 20_000;
const LAST_PORT: u16 = 32_000;

/// What to measure, with which files, for how long.
pub(crate) struct Bench<'a> {
    pub(crate) servers: &'a [Server],
    pub(crate) root: &'a Path,
    pub(crate) scratch: &'a Path,
    /// How long the clients of one round send requests.
    pub(crate) round: Duration,
    pub(crate) rounds_max: usize,
}

/// A running server, and its results so far.
struct Contestant<'a> {
    server: &'a Server,
    session: Session,
    request: Request,
    rounds: Vec<Round>,
    cpu: Duration,
    switches: Switches,
    failures: u64,
}

impl Bench<'_> {
    pub(crate) fn run(&self, workload: &Workload) -> io::Result<Table> {
        let mut table = Table::new(workload);
        match &workload.measure {
            Measure::Load(load) => self.load(workload, load, &mut table)?,
            Measure::Idle { connections } => self.idle(workload, *connections, &mut table)?,
            Measure::Start => self.starts(workload, &mut table)?,
        }
        Ok(table)
    }

    fn load(&self, workload: &Workload, load: &Load, table: &mut Table) -> io::Result<()> {
        table.columns = LOAD;
        let mut contestants = Vec::new();
        for server in self.taking_part(workload) {
            match self.start(server, workload.purpose)? {
                Ok((session, port)) => {
                    contestants.push(Contestant::new(
                        server,
                        session,
                        request(load, server.kind, port),
                    ));
                }
                Err(reason) => table.notes.push(reason),
            }
        }
        for contestant in &contestants {
            let clients = load.clients.min(WARM_UP_CLIENTS_MAX);
            load::round(&contestant.request, clients, self.round / 10)?;
        }
        for round in 0..workload.rounds.min(self.rounds_max) {
            let count = contestants.len();
            for turn in 0..count {
                contestants[(round + turn) % count].compete(load.clients, self.round)?;
            }
            // All clients of a server without answers have timed out; more rounds would only take
            // time.
            contestants.retain(|contestant| contestant.is_alive(table));
        }
        for contestant in contestants {
            contestant.finish(table);
        }
        table.compare("requests_per_second", "times_requests");
        table.compare("cpu_us_per_request", "times_cpu");
        Ok(())
    }

    fn idle(&self, workload: &Workload, wanted: usize, table: &mut Table) -> io::Result<()> {
        table.columns = IDLE;
        for server in self.taking_part(workload) {
            let (mut session, port) = match self.start(server, workload.purpose)? {
                Ok(started) => started,
                Err(reason) => {
                    table.notes.push(reason);
                    continue;
                }
            };
            let (resident, sockets) = (session.resident(), session.sockets());
            let connections = connect_idle(port, wanted);
            let begin = Instant::now();
            let mut held = 0;
            while held < connections.len()
                && begin.elapsed() < IDLE_SETTLE_MAX
                && !session.has_ended()
            {
                thread::sleep(Duration::from_millis(50));
                held = session.sockets().saturating_sub(sockets);
            }
            let after = session.resident();
            if held < wanted {
                let how = if session.has_ended() { "ended" } else { "held" };
                table.notes.push(format!("{} {how} with {held} of {wanted}", server.name));
            }
            #[expect(clippy::cast_precision_loss, reason = "far fewer bytes than 2 to the 52")]
            let [before, after, count] = [resident, after, held as u64].map(|it| it as f64);
            let each = (held > 0).then(|| (after - before) / count / 1e3);
            let after = each.map(|_| after / 1e3);
            let values = vec![each, Some(count), Some(before / 1e3), after, None];
            table.rows.push(Row { server: server.name, values });
        }
        table.compare("kb_per_connection", "times");
        Ok(())
    }

    fn starts(&self, workload: &Workload, table: &mut Table) -> io::Result<()> {
        table.columns = START;
        let servers = self.taking_part(workload);
        let mut starts: Vec<_> = servers.into_iter().map(|server| (server, Vec::new())).collect();
        for round in 0..workload.rounds.min(self.rounds_max * 3) {
            let count = starts.len();
            for turn in 0..count {
                let (server, times) = &mut starts[(round + turn) % count];
                let begin = Instant::now();
                let started = self.start(server, workload.purpose)?;
                let took = begin.elapsed();
                match started {
                    Ok(_) => times.push(took.as_secs_f64() * 1e3),
                    Err(reason) => table.notes.push(reason),
                }
            }
            // A server that failed once is not tried again.
            starts.retain(|(_, times)| times.len() > round);
        }
        for (server, times) in starts {
            let slowest = times.iter().copied().reduce(f64::max);
            let values = vec![median(times), slowest, None];
            table.rows.push(Row { server: server.name, values });
        }
        table.compare("start_ms", "times");
        Ok(())
    }

    fn taking_part(&self, workload: &Workload) -> Vec<&Server> {
        self.servers.iter().filter(|server| (workload.takes_part)(server.kind)).collect()
    }

    /// Starts a server and waits until it answers; the inner error is why it doesn't.
    fn start(
        &self,
        server: &Server,
        purpose: Purpose,
    ) -> io::Result<Result<(Session, u16), String>> {
        let port = free_port()?;
        let site = Site { root: self.root, scratch: self.scratch, port, purpose };
        let invocation = server.invocation(&site)?;
        let begin = Instant::now();
        let mut session = Session::start(&invocation, self.scratch)?;
        let mut client = Client::new(&request(&smallest(), server.kind, port));
        loop {
            let Err(error) = client.fetch() else { return Ok(Ok((session, port))) };
            let ended = session.has_ended();
            if ended || begin.elapsed() > START_TIME_MAX {
                let how = if ended { "ended at once".to_owned() } else { error.to_string() };
                return Ok(Err(format!("{}: {how}: `{}`", server.name, invocation.line())));
            }
            thread::sleep(START_PAUSE);
        }
    }
}

impl<'a> Contestant<'a> {
    fn new(server: &'a Server, session: Session, request: Request) -> Self {
        let (rounds, cpu, switches) = (Vec::new(), Duration::ZERO, Switches::default());
        Self { server, session, request, rounds, cpu, switches, failures: 0 }
    }

    fn compete(&mut self, clients: usize, duration: Duration) -> io::Result<()> {
        let (cpu, switches) = (self.session.cpu(), self.session.switches());
        let round = load::round(&self.request, clients, duration)?;
        self.cpu += self.session.cpu().saturating_sub(cpu);
        let now = self.session.switches();
        self.switches.voluntary += now.voluntary.saturating_sub(switches.voluntary);
        self.switches.forced += now.forced.saturating_sub(switches.forced);
        self.failures += round.failures;
        self.rounds.push(round);
        Ok(())
    }

    fn is_alive(&self, table: &mut Table) -> bool {
        let Some(last) = self.rounds.last() else { return true };
        if last.answers == 0 {
            let why = last.first_failure.as_deref().unwrap_or("no answer");
            table.notes.push(format!("{} left out: {why}", self.server.name));
        }
        last.answers > 0
    }

    /// Adds its row. Processor time comes in ticks of 10 ms, so it is summed over all rounds.
    fn finish(self, table: &mut Table) {
        let name = self.server.name;
        let sum = |part: fn(&Round) -> u64| self.rounds.iter().map(part).sum::<u64>();
        #[expect(clippy::cast_precision_loss, reason = "far fewer bytes than 2 to the 52")]
        let (answers, bytes) = (sum(|it| it.answers) as f64, sum(|it| it.bytes) as f64);
        let each = |value: fn(&Round) -> f64| median(self.rounds.iter().map(value).collect());
        let rate = each(|round| round.rate);
        let megabytes = rate.map(|rate| rate * bytes / answers / 1e6);
        let has_cpu_time = self.server.has_cpu_time();
        let cpu = has_cpu_time.then(|| self.cpu.as_secs_f64() * 1e6 / answers);
        #[expect(clippy::cast_precision_loss, reason = "far fewer switches than 2 to the 52")]
        let switches = |count: u64| has_cpu_time.then(|| count as f64 / answers);
        let (voluntary, forced) =
            (switches(self.switches.voluntary), switches(self.switches.forced));
        let (p50, p99) = (each(|it| it.percentile(0.5)), each(|it| it.percentile(0.99)));
        let values = vec![rate, megabytes, cpu, voluntary, forced, p50, p99, None, None];
        table.rows.push(Row { server: name, values });
        if !has_cpu_time {
            table
                .notes
                .push(format!("{name} forks for each client: what the children take is not known"));
        }
        if let Some(failure) = self.rounds.iter().find_map(|round| round.first_failure.as_ref()) {
            table.notes.push(format!("{name}: {} requests failed: {failure}", self.failures));
        }
    }
}

fn request(load: &Load, kind: Kind, port: u16) -> Request {
    Request {
        port,
        path: load.path.clone() + (load.query)(kind),
        status: load.status,
        body: load.body,
        patience: load.patience,
    }
}

/// As many connections as the server accepts in time, each with the first byte of a request sent.
fn connect_idle(port: u16, wanted: usize) -> Vec<rustix::fd::OwnedFd> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let begin = Instant::now();
    let mut connections = Vec::with_capacity(wanted);
    while connections.len() < wanted && begin.elapsed() < IDLE_TIME_MAX {
        let Ok(connection) = load::open(address, START_TIME_MAX) else { break };
        if send(&connection, b"G", SendFlags::NOSIGNAL).is_ok() {
            connections.push(connection);
        }
        thread::sleep(IDLE_PAUSE);
    }
    connections
}

/// A port that is not in use, a different one each time.
fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST_PORT);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if port > LAST_PORT {
            return Err(io::Error::other("no port is free"));
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    let lower = values.get(middle.checked_sub(1).unwrap_or(middle)).copied()?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(lower, upper) })
}
