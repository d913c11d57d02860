//! A server of pages to scrape, over plain sockets so that it can misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What comes after the head of an answer.
#[derive(Clone)]
pub enum Body {
    Bytes(Vec<u8>),
    /// A line over and over, until so many bytes are sent.
    Repeat(&'static str, u64),
    /// Made anew for each request from its number.
    Counted(fn(usize) -> String),
    /// No answer at all.
    Silence,
}

/// An answer.
#[derive(Clone)]
pub struct Page {
    pub status: &'static str,
    pub content_type: &'static str,
    pub body: Body,
}

impl Page {
    pub fn text(body: impl Into<Vec<u8>>) -> Self {
        Self::of(Body::Bytes(body.into()))
    }

    pub fn of(body: Body) -> Self {
        Self { status: "200 OK", content_type: "text/plain; version=0.0.4", body }
    }
}

/// Serves one page, which can be changed, on every path.
pub struct PageServer {
    pub address: String,
    page: Arc<Mutex<Page>>,
    requests: Arc<AtomicUsize>,
    last_head: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
}

impl PageServer {
    pub fn start(page: Page) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            page: Arc::new(Mutex::new(page)),
            requests: Arc::default(),
            last_head: Arc::default(),
            stop: Arc::default(),
        };
        let (page, requests, last_head, stop) =
            (server.page.clone(), server.requests.clone(), server.last_head.clone(), server.stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (page, requests, last_head) = (page.clone(), requests.clone(), last_head.clone());
                // A client that goes away is no fault of the server's.
                std::thread::spawn(move || drop(answer(stream, &page, &requests, &last_head)));
            }
        });
        server
    }

    pub fn set(&self, page: Page) {
        *self.page.lock().unwrap() = page;
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Request line and headers of the newest request.
    pub fn last_head(&self) -> String {
        self.last_head.lock().unwrap().clone()
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(&self.address));
    }
}

fn answer(
    mut stream: TcpStream,
    page: &Mutex<Page>,
    requests: &AtomicUsize,
    last_head: &Mutex<String>,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while !buffer.windows(4).any(|w| w == b"\r\n\r\n") {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(());
            }
            buffer.extend_from_slice(&chunk[..read]);
        }
        *last_head.lock().unwrap() = String::from_utf8_lossy(&buffer).into_owned();
        buffer.clear();
        let number = requests.fetch_add(1, Ordering::Relaxed);
        let page = page.lock().unwrap().clone();
        let head = |len: u64| {
            format!(
                "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {len}\r\n\r\n",
                page.status, page.content_type
            )
        };
        match page.body {
            Body::Bytes(body) => {
                stream.write_all(head(body.len() as u64).as_bytes())?;
                stream.write_all(&body)?;
            }
            Body::Counted(make) => {
                let body = make(number);
                stream.write_all(head(body.len() as u64).as_bytes())?;
                stream.write_all(body.as_bytes())?;
            }
            Body::Repeat(line, total) => {
                let block = line.repeat((64 << 10) / line.len());
                let blocks = total / block.len() as u64;
                stream.write_all(head(blocks * block.len() as u64).as_bytes())?;
                for _ in 0..blocks {
                    stream.write_all(block.as_bytes())?;
                }
            }
            Body::Silence => std::thread::sleep(Duration::from_secs(3600)),
        }
    }
}
