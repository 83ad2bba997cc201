//! A stock cluster on loopback: one scheduler and some executors, processes of their own, gone when the test ends.
//!
//! Scheduler and executor come from the crates that Ballista publishes; `deploy/ballista/Cargo.toml` says how they are built.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a process may take to listen on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// An executor that says nothing for so long is lost. Short, so that the test is; a busy machine's executor that is
/// silent for longer only makes its work be done again.
const LOST_AFTER_SECONDS: &str = "10";

pub struct Stock {
    folder: TempDir,
    scheduler: Child,
    executors: Vec<Child>,
    port: u16,
}

impl Stock {
    /// Starts a scheduler and so many executors, and waits until each listens.
    pub fn start(executors: usize, settings: &[(&str, &str)]) -> Stock {
        let programs = built();
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut scheduler = Command::new(programs.join("ballista-scheduler"));
        scheduler
            .args([
                "--bind-host",
                "127.0.0.1",
                "--external-host",
                "127.0.0.1",
                "--bind-port",
                &port.to_string(),
            ])
            .args(["--executor-timeout-seconds", LOST_AFTER_SECONDS])
            .args(["--expire-dead-executor-interval-seconds", "1", "--scheduler-policy", "pull-staged"]);
        let scheduler = spawn(scheduler, settings, &folder.path().join("scheduler.log"));
        wait_for(port);
        let mut stock = Stock { folder, scheduler, executors: Vec::new(), port };
        for number in 0..executors {
            stock.add(&programs, number, settings);
        }
        stock
    }

    fn add(&mut self, programs: &Path, number: usize, settings: &[(&str, &str)]) {
        let work = self.work(number);
        std::fs::create_dir(&work).expect("a folder");
        let ports = [free_port(), free_port(), free_port()].map(|port| port.to_string());
        let mut executor = Command::new(programs.join("ballista-executor"));
        executor
            .args(["--scheduler-host", "127.0.0.1", "--scheduler-port", &self.port.to_string()])
            .args(["--bind-host", "127.0.0.1", "--external-host", "127.0.0.1"])
            .args(["--bind-port", &ports[0], "--bind-grpc-port", &ports[1], "--bind-health-port", &ports[2]])
            .args(["--task-scheduling-policy", "pull-staged", "--vcores", "4"])
            .args(["--executor-heartbeat-interval-seconds", "2", "--work-dir"])
            .arg(&work);
        let log = self.folder.path().join(format!("executor-{number}.log"));
        self.executors.push(spawn(executor, settings, &log));
        wait_for(ports[0].parse().expect("a port"));
    }

    /// The address that `--cluster` takes.
    pub fn address(&self) -> String {
        format!("df://127.0.0.1:{}", self.port)
    }

    /// Ends an executor as a machine that fails does.
    pub fn kill(&mut self, number: usize) {
        self.executors[number].kill().expect("it was running");
        self.executors[number].wait().expect("it ends");
    }

    /// Files that an executor has made for others to fetch.
    pub fn results_of(&self, number: usize) -> usize {
        files_below(&self.work(number)).len()
    }

    fn work(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("work-{number}"))
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        for process in self.executors.iter_mut().chain([&mut self.scheduler]) {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            for log in
                files_below(self.folder.path()).iter().filter(|f| f.extension().is_some_and(|e| e == "log"))
            {
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let last: Vec<&str> = text.lines().rev().take(40).collect();
                eprintln!("--- {}", log.display());
                last.iter().rev().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

/// All files below a folder.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // What is listed may be gone already: the cluster is at work.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The folder of the programs: the one that `BALLISTA_PROGRAMS` names, or else built here, which is possible because a
/// cargo that runs tests no longer holds its lock.
fn built() -> PathBuf {
    if let Some(programs) = std::env::var_os("BALLISTA_PROGRAMS") {
        return programs.into();
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let mut cargo = Command::new(env!("CARGO"));
        let profile = Path::new(env!("CARGO_BIN_EXE_snowtrail")).parent().expect("the profile's folder");
        let target = profile.join("../ballista");
        cargo.current_dir(crate::snowtrail::root().join("deploy/ballista"));
        cargo.args(["build", "--release", "--locked", "--bins", "--target-dir"]).arg(&target);
        cargo.args(["--package", "ballista-scheduler", "--package", "snowtrail-ballista"]);
        // What cargo tells a test of its own package would make it build again what a shell has built.
        for (name, _) in std::env::vars() {
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        assert!(cargo.status().expect("cargo runs").success(), "Ballista's programs cannot be built");
        target.join("release")
    };
    BUILT.get_or_init(build).clone()
}

fn spawn(mut command: Command, settings: &[(&str, &str)], log: &Path) -> Child {
    let log = std::fs::File::create(log).expect("a log");
    command.envs(settings.iter().copied()).stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a second handle")).stderr(log);
    command.spawn().expect("it starts")
}

/// A port that nothing listens on.
pub fn free_port() -> u16 {
    // Below the ports that outgoing connections take, and none twice: tests of one process run side by side.
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let first = 20_000 + std::process::id() % 4_000 * 3;
    let next = || u16::try_from(first + TAKEN.fetch_add(1, Ordering::Relaxed)).expect("a port");
    std::iter::repeat_with(next)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Waits until something listens.
pub fn wait_for(port: u16) {
    let until = Instant::now() + START_PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "nothing listens on port {port} after {START_PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
