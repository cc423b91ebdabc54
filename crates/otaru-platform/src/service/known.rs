//! Things that are read often and change seldom, kept in bounded memory.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use otaru_fleet::{Package, PackageId};
use otaru_wire::DeviceId;

use crate::store::Proofs;

/// Packages are few and small: their files are elsewhere.
const PACKAGES: usize = 256;

pub(super) type KnownDevices = Cache<DeviceId, Proofs>;

pub(super) struct KnownPackages(Cache<PackageId, Arc<Package>>);

impl KnownPackages {
    pub(super) fn new() -> Self {
        Self(Cache::new(PACKAGES))
    }

    pub(super) fn find(&self, id: PackageId) -> Option<Arc<Package>> {
        self.0.find(&id)
    }

    /// Packages never change, so what is kept is never wrong.
    pub(super) fn keep(&self, package: Package) -> Arc<Package> {
        let package = Arc::new(package);
        self.0.keep(package.id, Arc::clone(&package));
        package
    }
}

/// At most `2 * half` entries in two generations: when the young one is full, the old one goes. What is used lives on.
pub(super) struct Cache<K, V> {
    half: usize,
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(most: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { half: (most / 2).max(1), generations: Mutex::new(generations) }
    }

    pub(super) fn find(&self, key: &K) -> Option<V> {
        let mut generations = self.lock();
        if let Some(value) = generations.young.get(key) {
            return Some(value.clone());
        }
        let value = generations.old.remove(key)?;
        generations.insert(self.half, key.clone(), value.clone());
        Some(value)
    }

    pub(super) fn keep(&self, key: K, value: V) {
        self.lock().insert(self.half, key, value);
    }

    pub(super) fn forget(&self, key: &K) {
        let mut generations = self.lock();
        generations.young.remove(key);
        generations.old.remove(key);
    }

    pub(super) fn forget_all(&self) {
        let mut generations = self.lock();
        generations.young.clear();
        generations.old.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn insert(&mut self, half: usize, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_bounded_and_what_is_used_lives_on() {
        let cache = Cache::new(100);
        for n in 0..10_000 {
            cache.keep(n, n);
            assert_eq!(cache.find(&0), Some(0), "after {n}");
        }
        let generations = cache.lock();
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[test]
    fn what_is_forgotten_is_gone_from_both_generations() {
        let cache = Cache::new(4);
        for n in 0..4 {
            cache.keep(n, n);
        }
        for n in 0..4 {
            cache.forget(&n);
            assert_eq!(cache.find(&n), None);
        }
    }
}
