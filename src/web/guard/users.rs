//! Passwords: compared one at a time, off the threads that serve others, and remembered.

use crate::config::web::WebConfig;
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Answers that are remembered, good ones and bad ones each.
const REMEMBERED_MAX: usize = 128;
/// What a password is compared with when there is no user at all.
const NOBODY: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// What is known of users and their passwords.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// bcrypt is made to be slow; a flood of passwords must not take every core.
    turn: tokio::sync::Mutex<()>,
    remembered: Mutex<Remembered>,
}

/// By the digest of user, hash and password. Bad ones cannot push good ones out.
#[derive(Debug, Default)]
struct Remembered {
    good: HashMap<[u8; 32], ()>,
    bad: HashMap<[u8; 32], ()>,
}

impl Remembered {
    fn get(&self, key: &[u8; 32]) -> Option<bool> {
        if self.good.contains_key(key) { Some(true) } else { self.bad.contains_key(key).then_some(false) }
    }

    fn put(&mut self, key: [u8; 32], good: bool) {
        let set = if good { &mut self.good } else { &mut self.bad };
        if set.len() >= REMEMBERED_MAX {
            set.clear();
        }
        set.insert(key, ());
    }
}

fn key(user: &str, hash: &str, password: &[u8]) -> [u8; 32] {
    let mut sum = Context::new(&SHA256);
    for part in [user.as_bytes(), hash.as_bytes(), password] {
        sum.update(&(part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(sum.finish().as_ref());
    out
}

impl Users {
    /// Whether there is such a user, with this password. One that there is not takes as long.
    pub(super) async fn knows(&self, config: &WebConfig, user: String, password: Vec<u8>) -> bool {
        let found = config.users.get(&user);
        // The hash of another one costs what the user's own would.
        let hash =
            found.or_else(|| config.users.values().next()).map_or(NOBODY, |hash| hash.reveal()).to_owned();
        let key = key(&user, &hash, &password);
        if let Some(good) = self.recall(&key) {
            return good;
        }
        let _turn = self.turn.lock().await;
        // Somebody who came before may have had the same question.
        if let Some(good) = self.recall(&key) {
            return good;
        }
        let task = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash).unwrap_or(false));
        let good = task.await.unwrap_or(false) && found.is_some();
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).put(key, good);
        good
    }

    fn recall(&self, key: &[u8; 32]) -> Option<bool> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Secret;

    #[tokio::test]
    async fn only_a_users_own_password_is_good() {
        let mut config = WebConfig::default();
        for (user, password) in [("a", "one"), ("b", "two")] {
            config.users.insert(user.to_owned(), Secret::new(bcrypt::hash(password, 4).unwrap()));
        }
        let users = Users::default();
        // Each twice: compared, and remembered.
        for _ in 0..2 {
            for (user, password, want) in [
                ("a", "one", true),
                ("b", "two", true),
                ("a", "two", false),
                ("c", "one", false),
                ("c", "", false),
            ] {
                let knows = users.knows(&config, user.to_owned(), password.into()).await;
                assert_eq!(knows, want, "{user} {password}");
            }
        }
        config.users.insert("a".to_owned(), Secret::new(bcrypt::hash("new", 4).unwrap()));
        assert!(!users.knows(&config, "a".to_owned(), b"one".to_vec()).await, "the old one is over");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_bad_answers_push_no_good_one_out() {
        let mut remembered = Remembered::default();
        let key = |n: u32| key(&n.to_string(), "", b"");
        remembered.put(key(0), true);
        (1..1000).for_each(|n| remembered.put(key(n), false));
        assert_eq!(remembered.get(&key(0)), Some(true));
        assert!(remembered.bad.len() <= REMEMBERED_MAX);
    }

    #[test]
    fn the_hash_of_nobody_can_be_compared_with() {
        assert!(!bcrypt::verify("x", NOBODY).unwrap());
    }
}
