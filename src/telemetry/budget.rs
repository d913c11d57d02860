//! Budgets of series: what each job holds of its own, and what is refused of each target's page.

use super::metrics::Page;
use narthex_storage::SeriesBudget;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What is refused of one target. Whoever scrapes it holds it.
#[derive(Debug)]
pub struct TargetRefusals {
    scrape_job: String,
    job: String,
    instance: String,
    now: AtomicU64,
}

impl TargetRefusals {
    /// Notes how many series of the last page were refused, and tells how many of the one before.
    pub fn set(&self, series: u64) -> u64 {
        self.now.swap(series, Ordering::Relaxed)
    }
}

/// Series refused now, by the labels of their target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// The scrape job as the configuration names it.
    pub scrape_job: String,
    /// The target's label `job`.
    pub job: String,
    /// The target's label `instance`.
    pub instance: String,
    /// Series of its last page that were refused.
    pub series: u64,
}

/// Jobs and targets with their series.
#[derive(Debug, Default)]
pub struct BudgetMetrics {
    jobs: Mutex<BTreeMap<String, Weak<SeriesBudget>>>,
    targets: Mutex<Vec<Weak<TargetRefusals>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BudgetMetrics {
    /// A scrape job with its budget; it is shown as long as the budget lives.
    pub fn add_job(&self, scrape_job: &str, budget: &Arc<SeriesBudget>) {
        lock(&self.jobs).insert(scrape_job.to_owned(), Arc::downgrade(budget));
    }

    /// A target, with its labels; it is shown as long as the value lives.
    #[must_use]
    pub fn add_target(&self, scrape_job: &str, job: &str, instance: &str) -> Arc<TargetRefusals> {
        let target = Arc::new(TargetRefusals {
            scrape_job: scrape_job.to_owned(),
            job: job.to_owned(),
            instance: instance.to_owned(),
            now: AtomicU64::new(0),
        });
        let mut targets = lock(&self.targets);
        // Seldom enough that many targets that come one by one are not gone through each time.
        if targets.len() == targets.capacity() {
            targets.retain(|target| target.strong_count() > 0);
        }
        targets.push(Arc::downgrade(&target));
        target
    }

    /// The targets of whose last page series were refused, sorted; those of equal labels together.
    #[must_use]
    pub fn refused(&self) -> Vec<Refused> {
        let targets: Vec<Arc<TargetRefusals>> =
            lock(&self.targets).iter().filter_map(Weak::upgrade).collect();
        let mut found = BTreeMap::new();
        for target in targets {
            let series = target.now.load(Ordering::Relaxed);
            if series > 0 {
                let name = (target.scrape_job.clone(), target.job.clone(), target.instance.clone());
                *found.entry(name).or_insert(0) += series;
            }
        }
        let each = found.into_iter();
        each.map(|((scrape_job, job, instance), series)| Refused { scrape_job, job, instance, series })
            .collect()
    }

    pub(super) fn render(&self, page: &mut Page) {
        let jobs: Vec<(String, Arc<SeriesBudget>)> = {
            let mut jobs = lock(&self.jobs);
            jobs.retain(|_, budget| budget.strong_count() > 0);
            jobs.iter().filter_map(|(name, budget)| Some((name.clone(), budget.upgrade()?))).collect()
        };
        type Value = fn(&SeriesBudget) -> f64;
        let families: [(&str, &str, &str, Value); 3] = [
            (
                "narthex_scrape_job_series",
                "gauge",
                "Series of the head that the job's targets have brought.",
                |budget| budget.series() as f64,
            ),
            (
                "narthex_scrape_job_max_series",
                "gauge",
                "Series that the job's targets may bring, 0 for any number.",
                |budget| budget.limit().unwrap_or(0) as f64,
            ),
            (
                "narthex_scrape_job_series_refused_total",
                "counter",
                "How often a new series was refused because the job's budget was spent; one that stays refused counts once.",
                |budget| budget.refused() as f64,
            ),
        ];
        for (name, kind, help, value) in families {
            page.family(name, kind, help);
            for (job, budget) in &jobs {
                page.sample(name, &[("scrape_job", job)], value(budget));
            }
        }
        let name = "narthex_scrape_target_series_refused";
        page.family(
            name,
            "gauge",
            "Series of the target's last page that were refused; only targets with some.",
        );
        for Refused { scrape_job, instance, series, .. } in self.refused() {
            page.sample(name, &[("scrape_job", &scrape_job), ("instance", &instance)], series as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_shown_while_they_live_and_have_refusals() {
        let metrics = BudgetMetrics::default();
        let kept = metrics.add_target("s", "j", "a");
        let twin = metrics.add_target("s", "j", "a");
        let gone = metrics.add_target("s", "j", "b");
        let quiet = metrics.add_target("s", "j", "c");
        assert_eq!((kept.set(3), kept.set(4), twin.set(1), gone.set(9), quiet.set(0)), (0, 3, 0, 0, 0));
        drop(gone);
        let refused = metrics.refused();
        assert_eq!(refused.len(), 1);
        assert_eq!((refused[0].instance.as_str(), refused[0].series), ("a", 5));
        let mut page = Page::default();
        metrics.render(&mut page);
        let line = "narthex_scrape_target_series_refused{scrape_job=\"s\",instance=\"a\"} 5";
        assert!(page.into_text().lines().any(|l| l == line));
    }
}
