//! A gate at which tasks wait until the test lets them through.

use tokio::sync::Semaphore;

/// Holds tasks back; closed at first.
#[derive(Debug)]
pub struct Gate {
    arrivals: Semaphore,
    passes: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { arrivals: Semaphore::new(0), passes: Semaphore::new(0) }
    }
}

impl Gate {
    /// For the task: reports that it has arrived, and waits to be let through.
    pub async fn pass(&self) {
        self.arrivals.add_permits(1);
        let pass = self.passes.acquire().await;
        pass.expect("the gate is never closed for good").forget();
    }

    /// For the test: waits for an arrival. Each arrival counts once.
    pub async fn arrival(&self) {
        let arrival = self.arrivals.acquire().await;
        arrival.expect("the gate is never closed for good").forget();
    }

    /// For the test: lets this many tasks through, now or when they arrive.
    pub fn let_through(&self, tasks: usize) {
        self.passes.add_permits(tasks);
    }
}
