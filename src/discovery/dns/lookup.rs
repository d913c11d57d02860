//! Questions to the servers of `/etc/resolv.conf`.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tracing::warn;

/// A server that has not answered after this long will not.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The largest answer by UDP that a question asks for, bytes.
const UDP_MAX: u16 = 4096;

/// Where names are looked up.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    /// Read anew for each name.
    pub conf: PathBuf,
    /// Port of the servers.
    pub port: u16,
}

/// Servers and search list.
struct Conf {
    servers: Vec<IpAddr>,
    search: Vec<String>,
    ndots: usize,
}

impl Resolver {
    /// As the system has it.
    pub fn system() -> Self {
        Self { conf: "/etc/resolv.conf".into(), port: 53 }
    }

    /// The records of a name: of the first of its candidates that exists. None if all servers say that none does.
    ///
    /// # Errors
    /// One of the candidates could not be looked up and no other one exists.
    pub async fn look_up(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        let text = tokio::fs::read(&self.conf).await;
        let text = text.map_err(|e| format!("could not load resolv.conf: {}: {e}", self.conf.display()))?;
        let conf = Conf::parse(&text);
        let mut sure = true;
        for candidate in conf.candidates(name) {
            match self.ask_any(&conf.servers, &candidate, kind).await {
                Some(answer) if answer.metadata.response_code == ResponseCode::NoError => {
                    return Ok(answer.answers.into_iter().map(|record| record.data).collect());
                }
                Some(_) => {}
                // A later candidate may exist, but that none does can no longer be said.
                None => sure = false,
            }
        }
        if sure {
            return Ok(Vec::new());
        }
        Err(format!(
            "could not resolve \"{name}\": all servers responded with errors to at least one search domain"
        ))
    }

    /// The first answer that says whether the name exists.
    async fn ask_any(&self, servers: &[IpAddr], name: &str, kind: RecordType) -> Option<Message> {
        for server in servers {
            match ask(SocketAddr::new(*server, self.port), name, kind).await {
                Ok(answer) => match answer.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Some(answer),
                    code => warn!(%server, name, rcode = %code, "DNS resolution failed"),
                },
                Err(reason) => warn!(%server, name, error = reason, "DNS resolution failed"),
            }
        }
        None
    }
}

impl Conf {
    fn parse(text: &[u8]) -> Self {
        // What cannot be understood is passed over, as the C library does.
        let (conf, _) = resolv_conf::Config::parse_with_errors(text);
        let mut servers: Vec<IpAddr> = conf.nameservers.iter().map(IpAddr::from).collect();
        if servers.is_empty() {
            servers = vec![IpAddr::from([127, 0, 0, 1])];
        }
        let search = conf.get_last_search_or_domain().map(ToOwned::to_owned).collect();
        Self { servers, search, ndots: usize::try_from(conf.ndots).unwrap_or(1) }
    }

    /// What a name may stand for, in the order in which it is tried; all end in a dot.
    fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let own = format!("{name}.");
        let mut all: Vec<String> = self
            .search
            .iter()
            .map(|domain| format!("{own}{}", domain.trim_matches('.')))
            .map(|candidate| format!("{}.", candidate.trim_end_matches('.')))
            .collect();
        let first = name.matches('.').count() >= self.ndots;
        all.insert(if first { 0 } else { all.len() }, own);
        all
    }
}

/// Asks a server, and by TCP if the answer does not fit otherwise.
async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Result<Message, String> {
    let name = Name::from_ascii(name).map_err(|e| e.to_string())?;
    let id = u16::try_from(RandomState::new().build_hasher().finish() & 0xffff).unwrap_or_default();
    let mut question = Message::new(id, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_MAX);
    question.set_edns(edns);
    let answer = in_time(by_udp(server, &question)).await?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    question.edns = None;
    let answer = in_time(by_tcp(server, &question)).await?;
    if answer.metadata.truncation {
        return Err("got truncated message on TCP (64kiB limit exceeded?)".to_owned());
    }
    Ok(answer)
}

async fn in_time(work: impl Future<Output = Result<Message, String>>) -> Result<Message, String> {
    tokio::time::timeout(TIMEOUT, work).await.unwrap_or_else(|_| Err("i/o timeout".to_owned()))
}

async fn by_udp(server: SocketAddr, question: &Message) -> Result<Message, String> {
    let failed = |e: std::io::Error| e.to_string();
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    socket.send(&question.to_vec().map_err(|e| e.to_string())?).await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let len = socket.recv(&mut buffer).await.map_err(failed)?;
        let answer = Message::from_vec(buffer.get(..len).unwrap_or_default()).map_err(|e| e.to_string());
        match answer {
            Ok(answer) if answers(&answer, question) => return Ok(answer),
            // Somebody else's answer, or a late one; ours may still come.
            Ok(_) => {}
            Err(reason) => return Err(reason),
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Message) -> Result<Message, String> {
    let failed = |e: std::io::Error| e.to_string();
    let mut stream = TcpStream::connect(server).await.map_err(failed)?;
    let message = question.to_vec().map_err(|e| e.to_string())?;
    let len = u16::try_from(message.len()).map_err(|e| e.to_string())?;
    stream.write_all(&[&len.to_be_bytes(), message.as_slice()].concat()).await.map_err(failed)?;
    let len = stream.read_u16().await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(len)];
    stream.read_exact(&mut buffer).await.map_err(failed)?;
    let answer = Message::from_vec(&buffer).map_err(|e| e.to_string())?;
    if answers(&answer, question) { Ok(answer) } else { Err("the answer is to another question".to_owned()) }
}

fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && answer.queries == question.queries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_enough_dots_are_tried_first_as_they_are() {
        let conf =
            Conf::parse(b"nameserver 192.0.2.1\nnameserver ::1\nsearch a.example b\noptions ndots:2\n");
        assert_eq!(conf.servers, [IpAddr::from([192, 0, 2, 1]), "::1".parse().unwrap()]);
        assert_eq!(conf.candidates("x.y"), ["x.y.a.example.", "x.y.b.", "x.y."]);
        assert_eq!(conf.candidates("x.y.z"), ["x.y.z.", "x.y.z.a.example.", "x.y.z.b."]);
        assert_eq!(conf.candidates("x."), ["x."]);
        assert_eq!(Conf::parse(b"search .\n").candidates("x.y"), ["x.y.", "x.y."]);
    }
}
