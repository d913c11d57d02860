//! Scraping while the database opens.

use super::*;
use crate::config::Config;
use crate::discovery::SdMetrics;
use crate::discovery::manager::Providers;
use crate::scrape::manager::{ManagerSettings, ScrapeManager};
use crate::telemetry::Telemetry;
use narthex_storage::{Columns, DbOptions, Matcher, Queryable, SelectHints};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A target whose page tells how often it was asked; from `END` times on it has none.
async fn target() -> (u16, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                    let status = if number < END { "200 OK" } else { "404 Not Found" };
                    let body = format!("asked {number}\n");
                    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n");
                    let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, asked)
}

/// The first request that comes once the database may be open.
const END: usize = 3;

fn values(db: &Db) -> Vec<f64> {
    let hints = SelectHints { mint: 0, maxt: i64::MAX, ..SelectHints::default() };
    let found =
        db.querier(0, i64::MAX).unwrap().select(&[Matcher::equal("__name__", "asked")], &hints).unwrap();
    let mut columns = Columns::default();
    found.iter().for_each(|series| series.read(0, i64::MAX, &mut columns).unwrap());
    columns.values
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_scraped_before_the_database_is_open_is_stored() {
    let (port, asked) = target().await;
    let text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- job_name: j\n  max_series: 100\n  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    );
    let config = Config::parse(&text, Path::new(""), "test", &|_| None).unwrap();
    let (opening, store) = Store::opening();
    let providers = Providers::new(Arc::new(SdMetrics::default()));
    let settings = ManagerSettings { type_and_unit: false, max_series_per_job: 0 };
    let manager =
        ScrapeManager::new(store, Arc::new(Telemetry::new()), providers, "host".to_owned(), settings);
    manager.apply_config(&config);
    while asked.load(Ordering::SeqCst) < END {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(Db::open(dir.path(), DbOptions::default()).unwrap());
    opening.set(db.clone());
    while values(&db).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    manager.stop().await;
    let values = values(&db);
    let pages: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    assert_eq!(pages, [1.0, 2.0]);
}
