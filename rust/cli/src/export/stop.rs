//! The wish to end: Ctrl-C or SIGTERM, seen by threads and by what they wait for.

use std::process;

use tokio::{runtime::Runtime, sync::watch};

use crate::{
    failure::{Failure, Result},
    serve::stop_signal,
};

/// Set once the command was told to end.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Set by the first Ctrl-C or SIGTERM; the second ends the process at once.
    pub(super) fn at_signal(runtime: &Runtime) -> Result<Self> {
        let entered = runtime.enter();
        let first = stop_signal()?;
        drop(entered);
        let (set, stop) = watch::channel(false);
        runtime.spawn(async move {
            first.await;
            let second = stop_signal();
            let _ = set.send(true);
            if let Ok(second) = second {
                second.await;
                process::exit(1);
            }
        });
        Ok(Self(stop))
    }

    /// Set by hand.
    #[cfg(test)]
    pub(super) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (set, stop) = watch::channel(false);
        (set, Self(stop))
    }

    pub(super) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Fails once it is set.
    pub(super) fn check(&self) -> Result<()> {
        match self.is_set() {
            true => Err(Failure::work("interrupted")),
            false => Ok(()),
        }
    }

    /// Ready once it is set.
    pub(super) async fn set(&self) {
        // Nobody left who could set it means that it never will be.
        if self.0.clone().wait_for(|set| *set).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
