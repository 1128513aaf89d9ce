//! A value that many read while one may replace it: what can be changed while the service runs. Who
//! changes what, and when, is the composition root's.

use std::sync::{Arc, PoisonError, RwLock};

/// The value. Clones share it. Reading waits for nobody who does anything but replace it, which is
/// done at once.
#[derive(Debug)]
pub struct Live<T>(Arc<RwLock<Arc<T>>>);

impl<T> Live<T> {
    /// A value to begin with.
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    /// The value as it is now. What is begun with it may be finished with it.
    #[must_use]
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces it, for all who read it from now on.
    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_the_new_value_and_who_has_the_old_one_keeps_it() {
        let live = Live::new(1);
        let (shared, old) = (live.clone(), live.get());
        live.set(2);
        assert_eq!((*shared.get(), *old), (2, 1));
    }
}
