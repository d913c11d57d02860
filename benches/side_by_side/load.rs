//! Brings data into a server by remote write: requests made on the fly, two connections, and never far apart in
//! time, since stores do not take samples from long ago.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Barrier;
use std::time::Instant;

/// Connections at once.
const CONNECTIONS: usize = 2;
/// Scrapes of a series in one request: a quarter of an hour.
const SCRAPES_EACH: i64 = 60;

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Encodes labels as `prometheus.TimeSeries` has them.
pub fn labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in labels {
        let mut label = vec![0x0a];
        varint(name.len() as u64, &mut label);
        label.extend(name.as_bytes());
        label.push(0x12);
        varint(value.len() as u64, &mut label);
        label.extend(value.as_bytes());
        encoded.push(0x0a);
        varint(label.len() as u64, &mut encoded);
        encoded.extend(label);
    }
    encoded
}

/// Appends a series to a `prometheus.WriteRequest`: its encoded labels, and its samples as time in ms and value.
pub fn put_series(labels: &[u8], samples: impl Iterator<Item = (i64, f64)>, out: &mut Vec<u8>) {
    let mut encoded = Vec::new();
    for (time, value) in samples {
        // Two fields of a sample: a double and a time of six bytes.
        encoded.extend([0x12, 16, 0x09]);
        encoded.extend(value.to_le_bytes());
        encoded.push(0x10);
        varint(time as u64, &mut encoded);
    }
    out.push(0x0a);
    varint((labels.len() + encoded.len()) as u64, out);
    out.extend_from_slice(labels);
    out.extend_from_slice(&encoded);
}

/// Posts a body and reads the answer's head; no body is expected.
fn post(stream: &mut TcpStream, address: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut chunk)?;
        answer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if read == 0 {
            break;
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// Sends all scrapes of all targets; `request` appends some scrapes of a target to a `prometheus.WriteRequest`.
pub fn load(
    address: &str,
    targets: usize,
    scrapes: i64,
    request: impl Fn(usize, Range<i64>, &mut Vec<u8>) + Sync,
) {
    let begin = Instant::now();
    let barrier = Barrier::new(CONNECTIONS);
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (barrier, request) = (&barrier, &request);
            scope.spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut message, mut encoder) = (Vec::new(), snap::raw::Encoder::new());
                let mut packed = Vec::new();
                for first in (0..scrapes).step_by(SCRAPES_EACH as usize) {
                    let last = (first + SCRAPES_EACH).min(scrapes);
                    for target in (connection..targets).step_by(CONNECTIONS) {
                        message.clear();
                        request(target, first..last, &mut message);
                        packed.resize(snap::raw::max_compress_len(message.len()), 0);
                        let len = encoder.compress(&message, &mut packed).unwrap();
                        post(&mut stream, address, &packed[..len]).unwrap();
                    }
                    barrier.wait();
                    if connection == 0 {
                        eprint!("\rloading {address}: {:3} %", last * 100 / scrapes);
                    }
                }
            });
        }
    });
    eprintln!("\rloading {address}: {:.0} s", begin.elapsed().as_secs_f64());
}
