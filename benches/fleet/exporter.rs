//! The fleet: every loopback address is a target of its own, all served by one listener.

use super::pages::Pages;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// Different pages at the same time; a target's address says which one it shows.
const FLAVOURS: u64 = 8;

/// A fleet that answers until the process ends.
pub struct Fleet {
    /// Where it listens, on every loopback address.
    pub port: u16,
    served: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

type Answers = Arc<RwLock<Vec<Arc<Vec<u8>>>>>;

impl Fleet {
    /// Starts to answer; `churn` percent of the series are renamed each minute.
    pub fn start(pages: Pages, churn: u64) -> Self {
        let make = move |second: u64| -> Vec<Arc<Vec<u8>>> {
            (0..FLAVOURS).map(|flavour| pages.answer(second, flavour, churn)).collect()
        };
        let answers: Answers = Arc::new(RwLock::new(make(0)));
        let current = answers.clone();
        std::thread::spawn(move || {
            let begin = Instant::now();
            for second in 1.. {
                let next = make(second);
                std::thread::sleep(Duration::from_secs(second).saturating_sub(begin.elapsed()));
                *current.write().unwrap() = next;
            }
        });
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (served, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (count, lost) = (served.clone(), refused.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, count, lost) = (answers.clone(), count.clone(), lost.clone());
                let serve = move || {
                    if serve(stream, &answers, &count).is_err() {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                };
                std::thread::Builder::new().stack_size(64 << 10).spawn(serve).unwrap();
            }
        });
        Self { port, served, refused }
    }

    /// Pages that were sent.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Connections that a server gave up in the middle of a page.
    pub fn given_up(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, answers: &Answers, served: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let flavour = match stream.local_addr()?.ip() {
        std::net::IpAddr::V4(ip) => u64::from(ip.octets()[3]) % FLAVOURS,
        std::net::IpAddr::V6(_) => 0,
    };
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut chunk).unwrap_or(0);
            if read == 0 {
                return Ok(());
            }
            request.extend_from_slice(&chunk[..read]);
        }
        request.clear();
        let answer = answers.read().unwrap()[flavour as usize].clone();
        stream.write_all(&answer)?;
        served.fetch_add(1, Ordering::Relaxed);
    }
}
