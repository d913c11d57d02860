use super::*;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SRV};
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What the server says of a name: a code and records. Names that are not listed do not exist.
type Zone = Arc<Mutex<BTreeMap<String, (ResponseCode, Vec<RData>)>>>;

fn reply(zone: &Zone, question: &[u8], udp: bool) -> Vec<u8> {
    let question = Message::from_vec(question).unwrap();
    let asked = question.queries[0].clone();
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    answer.add_query(asked.clone());
    let zone = zone.lock().unwrap();
    let (code, records) =
        zone.get(&asked.name.to_ascii()).cloned().unwrap_or((ResponseCode::NXDomain, Vec::new()));
    answer.metadata.response_code = code;
    // Many records need TCP, as with real servers.
    answer.metadata.truncation = udp && records.len() > 3;
    assert_eq!(question.edns.is_some(), udp);
    for record in records.into_iter().take(if udp { 3 } else { usize::MAX }) {
        answer.add_answer(Record::from_rdata(asked.name.clone(), 60, record));
    }
    answer.to_vec().unwrap()
}

/// A server on loopback, and the resolver that asks it.
async fn server(zone: Zone, dir: &Path) -> Resolver {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        // The port may be taken for TCP; then another one.
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let port = udp.local_addr().unwrap().port();
    let by_udp = zone.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((len, from)) = udp.recv_from(&mut buffer).await {
            udp.send_to(&reply(&by_udp, &buffer[..len], true), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let len = stream.read_u16().await.unwrap();
            let mut buffer = vec![0; usize::from(len)];
            stream.read_exact(&mut buffer).await.unwrap();
            let answer = reply(&zone, &buffer, false);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    let conf = dir.join("resolv.conf");
    std::fs::write(&conf, "nameserver 127.0.0.1\nsearch one.example two.example\n").unwrap();
    Resolver { conf, port }
}

fn labels(group: &TargetGroup) -> Vec<Vec<String>> {
    let shown = |labels: &Vec<(String, String)>| {
        labels.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| format!("{n}={v}")).collect()
    };
    group.targets.iter().map(shown).collect()
}

#[test]
fn each_kind_of_record_has_its_labels() {
    let records = [
        RData::CNAME(CNAME(name("alias.example."))),
        RData::SRV(SRV::new(0, 0, 9100, name("db1.example."))),
        RData::MX(MX::new(10, name("mail.example."))),
        RData::NS(NS(name("ns.example."))),
        RData::A(A::new(192, 0, 2, 1)),
        RData::AAAA(AAAA("2001:db8::1".parse().unwrap())),
    ];
    let found = group("x.example", 80, &records);
    let want = [
        vec![
            "__address__=db1.example:9100",
            "__meta_dns_name=x.example",
            "__meta_dns_srv_record_port=9100",
            "__meta_dns_srv_record_target=db1.example.",
        ],
        vec![
            "__address__=mail.example:80",
            "__meta_dns_mx_record_target=mail.example.",
            "__meta_dns_name=x.example",
        ],
        vec![
            "__address__=ns.example:80",
            "__meta_dns_name=x.example",
            "__meta_dns_ns_record_target=ns.example.",
        ],
        vec!["__address__=192.0.2.1:80", "__meta_dns_name=x.example"],
        vec!["__address__=[2001:db8::1]:80", "__meta_dns_name=x.example"],
    ];
    assert_eq!(labels(&found), want);
    assert!(found.targets.iter().all(|labels| labels.len() == 6), "all labels are set, if only to nothing");
}

#[tokio::test]
async fn answers_come_by_udp_or_tcp_and_a_failing_server_keeps_the_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let zone = Zone::default();
    let resolver = server(zone.clone(), dir.path()).await;
    let names = vec!["many".to_owned(), "gone".to_owned()];
    let mut ask = DnsSd { names, kind: RecordType::A, port: 1, resolver, known: BTreeMap::new() };
    let many = |n: u8| (0..n).map(|i| RData::A(A::new(192, 0, 2, i))).collect::<Vec<_>>();
    let metrics = SdMetrics::default();
    let set = |code, records| zone.lock().unwrap().insert("many.two.example.".to_owned(), (code, records));

    set(ResponseCode::NoError, many(2));
    let groups = ask.look_up(&metrics).await;
    let counts = |groups: &[TargetGroup]| {
        groups.iter().map(|group| (group.source.clone(), group.targets.len())).collect::<Vec<_>>()
    };
    assert_eq!(counts(&groups), [("gone".to_owned(), 0), ("many".to_owned(), 2)]);
    set(ResponseCode::NoError, many(100));
    assert_eq!(counts(&ask.look_up(&metrics).await)[1].1, 100);
    set(ResponseCode::ServFail, Vec::new());
    assert_eq!(counts(&ask.look_up(&metrics).await)[1].1, 100);
    zone.lock().unwrap().clear();
    assert_eq!(counts(&ask.look_up(&metrics).await)[1].1, 0);
}
