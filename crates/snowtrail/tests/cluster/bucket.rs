//! A bucket in an emulator of S3 on loopback, gone when the test ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::snowtrail::root;
use crate::stock::{free_port, wait_for};

/// Its name.
const NAME: &str = "lake";

/// The account that it belongs to, which is an access key of the emulator, too.
const ACCOUNT: &str = "111122223333";

pub struct Bucket {
    emulator: Child,
    endpoint: String,
}

impl Bucket {
    /// Starts an emulator, which `testdata/peers/install.sh` installs, and makes a bucket in it.
    pub fn start() -> Bucket {
        let installed = Command::new(root().join("testdata/peers/install.sh")).output().expect("it starts");
        let program = String::from_utf8(installed.stdout).expect("a path");
        let port = free_port();
        let emulator = Command::new(program.trim())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let bucket = Bucket { emulator, endpoint: format!("http://127.0.0.1:{port}") };
        wait_for(port);
        let answer = bucket.ask("PUT", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        bucket
    }

    /// How many objects have a key that begins so.
    pub fn objects(&self, prefix: &str) -> usize {
        let answer = self.ask("GET", &format!("?list-type=2&prefix={prefix}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.matches("<Key>").count()
    }

    fn ask(&self, method: &str, query: &str) -> String {
        let authority = self.endpoint.trim_start_matches("http://");
        let mut connection = TcpStream::connect(authority).expect("it listens");
        // The emulator takes the account from the key of a signature, which it does not check.
        let request = format!(
            "{method} /{NAME}{query} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 0\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={ACCOUNT}/20261101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// The address of a lake in it.
    pub fn lake(&self) -> String {
        format!("s3://{NAME}/prod")
    }

    /// What a process needs to reach it.
    pub fn settings(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ACCOUNT),
            ("AWS_SECRET_ACCESS_KEY", "any"),
        ]
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}
