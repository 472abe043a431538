//! What Terraform needs of its emulator.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground gives way")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use xtask::emulator::{Emulator, Kind};
use xtask::interrupt::Interrupts;
use xtask::python;

const PARAMETER: &str = r#"{"Name": "/once", "Type": "String", "Value": "x"}"#;

/// Asks for the parameter to be made, and gives the answer without its head but for its status.
fn make(emulator: &Emulator, invocation: &str) -> (String, String) {
    let authority = emulator.endpoint().replace("http://", "");
    let mut connection = TcpStream::connect(&authority).unwrap();
    let head = [
        "POST / HTTP/1.1",
        &format!("host: {authority}"),
        "content-type: application/x-amz-json-1.1",
        "x-amz-target: AmazonSSM.PutParameter",
        &format!("amz-sdk-invocation-id: {invocation}"),
        &format!("content-length: {}", PARAMETER.len()),
        "connection: close",
    ];
    let request = format!("{}\r\n\r\n{PARAMETER}", head.join("\r\n"));
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[test]
fn what_is_sent_again_is_done_once() {
    let venv = python::ensure_venv(xtask::root(), &Interrupts::catch().unwrap()).unwrap();
    let emulator = Emulator::start_for_terraform(Kind::Ministack, xtask::root(), &venv).unwrap();
    let made = make(&emulator, "one");
    assert!(made.0.contains(" 200"), "{made:?}");
    assert_eq!(make(&emulator, "one"), made, "the answer that got lost");
    let another = make(&emulator, "another");
    assert!(
        another.0.contains(" 400") && another.1.contains("ParameterAlreadyExists"),
        "{another:?}"
    );
}
