//! The emulator of AWS that these tests talk to: installed by the repository's own script, started once for the test
//! binary, gone when it ends. Each test is an account of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

use crate::snowtrail::root;

/// How long the emulator may take to start on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// The region of every test.
pub const REGION: &str = "us-west-2";

/// One running emulator.
pub struct Emulator {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    /// Its keeper ends it when its standard input closes, which happens however this process ends.
    keeper: Child,
}

static SHARED: OnceLock<Emulator> = OnceLock::new();

/// The emulator that tests share.
pub fn shared() -> &'static Emulator {
    SHARED.get_or_init(Emulator::start)
}

impl Emulator {
    /// Starts one of its own, for tests that stop it.
    pub fn start() -> Emulator {
        Emulator::start_at(free_port())
    }

    /// Starts one at a port.
    pub fn start_at(port: u16) -> Emulator {
        let executable = installed();
        // The shell keeps the emulator for as long as its standard input is open: this process's end closes it.
        let script = "\"$0\" >/dev/null 2>&1 & pid=$!; cat >/dev/null; kill -9 $pid";
        let keeper = Command::new("sh")
            .args(["-c", script])
            .arg(&executable)
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        wait_until_ready(port);
        Emulator { endpoint: format!("http://127.0.0.1:{port}"), keeper }
    }

    /// Makes it hang: connections stand, nothing answers.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// The emulator is the keeper's child; signals go to the children only.
    fn signal(&self, signal: &str) {
        let status = Command::new("pkill")
            .args([signal, "-P", &self.keeper.id().to_string(), "-f", "ministack"])
            .status();
        assert!(status.expect("pkill runs").success());
    }
}

/// The emulator's executable.
pub fn installed() -> PathBuf {
    installed_peer("ministack")
}

/// A peer's executable, installed by the one documented command.
pub fn installed_peer(peer: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peers").join(peer);
    let output = Command::new(root().join("testdata/peers/install.sh"))
        .args(["--peer", peer])
        .arg(&folder)
        .output()
        .expect("a shell");
    assert!(
        output.status.success(),
        "{peer} cannot be installed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn wait_until_ready(port: u16) {
    let until = Instant::now() + START_PATIENCE;
    while Instant::now() < until {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let request = "GET /_ministack/health HTTP/1.0\r\n\r\n";
            let mut answer = String::new();
            if stream.write_all(request.as_bytes()).is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.contains(" 200 ")
            {
                return;
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the emulator did not start within {START_PATIENCE:?}");
}

/// An account of its own in the emulator.
pub struct Account {
    /// Twelve digits; also the access key.
    pub id: String,
    /// The emulator's.
    pub endpoint: String,
    config: SdkConfig,
}

impl Account {
    /// A new account in the shared emulator.
    pub fn new() -> Account {
        Account::at(&shared().endpoint)
    }

    /// A new account in an emulator.
    pub fn at(endpoint: &str) -> Account {
        static NEXT: AtomicU64 = AtomicU64::new(100_000_000_000);
        Account::named(endpoint, &NEXT.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// The account with this number in an emulator.
    pub fn named(endpoint: &str, id: &str) -> Account {
        let id = id.to_owned();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                Credentials::new(&id, "any", None, None, "test"),
            ))
            .build();
        Account { id, endpoint: endpoint.to_owned(), config }
    }

    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A client of SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// A client of SNS.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// The binary, in this account.
    pub fn command(&self) -> Command {
        let mut command = crate::snowtrail::command();
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", &self.id)
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .env("AWS_REGION", REGION)
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE");
        command
    }
}
