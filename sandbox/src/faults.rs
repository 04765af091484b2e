//! The faults in force at a server of the sandbox. What a fault looks like and whom it means, each server says itself.

/// What is counted of a fault.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    /// Its number; given by the server.
    pub(crate) id: &'a mut u64,
    /// How often it has struck.
    pub(crate) struck: &'a mut u64,
    /// How often it strikes; 0 for always until it is removed.
    pub(crate) times: u64,
}

/// Something that goes wrong because a test or a person asked for it.
pub(crate) trait Fault: Clone {
    /// What is counted of it.
    fn tally(&mut self) -> Tally<'_>;
}

/// The faults in force.
#[derive(Debug)]
pub(crate) struct Faults<F> {
    last: u64,
    active: Vec<F>,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self { last: 0, active: Vec::new() }
    }
}

impl<F: Fault> Faults<F> {
    /// Adds a fault; its number.
    pub(crate) fn add(&mut self, mut fault: F) -> u64 {
        self.last += 1;
        let Tally { id, struck, .. } = fault.tally();
        (*id, *struck) = (self.last, 0);
        self.active.push(fault);
        self.last
    }

    /// Removes one, or all of them.
    pub(crate) fn remove(&mut self, number: Option<u64>) {
        self.active.retain_mut(|fault| number.is_some_and(|number| *fault.tally().id != number));
    }

    /// Those that still strike.
    pub(crate) fn active(&self) -> &[F] {
        &self.active
    }

    /// The faults that mean this, each counted once.
    pub(crate) fn strike(&mut self, mut means: impl FnMut(&F) -> bool) -> Vec<F> {
        let mut striking = Vec::new();
        self.active.retain_mut(|fault| {
            if !means(fault) {
                return true;
            }
            let Tally { struck, times, .. } = fault.tally();
            *struck += 1;
            let stays = times == 0 || *struck < times;
            striking.push(fault.clone());
            stays
        });
        striking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Word(&'static str, u64, u64, u64);

    impl Fault for Word {
        fn tally(&mut self) -> Tally<'_> {
            Tally { id: &mut self.1, struck: &mut self.2, times: self.3 }
        }
    }

    #[test]
    fn a_fault_strikes_what_it_means_so_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        faults.add(Word("a", 7, 7, 2));
        let mut strike = |word: &str| faults.strike(|fault| fault.0 == word).iter().map(|f| f.2).collect::<Vec<_>>();
        assert!(strike("b").is_empty());
        assert_eq!([strike("a"), strike("a"), strike("a")], [vec![1], vec![2], vec![]]);
        assert!(faults.active().is_empty());
    }

    #[test]
    fn one_without_an_end_strikes_until_it_is_removed() {
        let mut faults = Faults::default();
        let (first, second) = (faults.add(Word("a", 0, 0, 0)), faults.add(Word("b", 0, 0, 0)));
        assert!((0..9).all(|_| faults.strike(|_| true).len() == 2));
        faults.remove(Some(first));
        assert_eq!(faults.active().iter().map(|fault| fault.1).collect::<Vec<_>>(), [second]);
        faults.remove(None);
        assert!(faults.active().is_empty());
    }
}
