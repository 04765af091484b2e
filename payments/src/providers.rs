//! The table of payment providers, made from settings.

use std::sync::Arc;

use domain::{Clock, SystemClock};

use crate::{provider::Provider, settings::Settings};

/// Makes a provider from its settings: `None` where none of them is set, or where something is wrong with them, which is
/// noted.
type Row = fn(&mut Settings<'_>) -> Option<Arc<dyn Provider>>;

/// Every provider that there is, in the order in which payers are shown them.
const TABLE: [Row; 2] = [crate::paypal::read, crate::nowpayments::read];

/// The payment providers of this installation.
#[derive(Clone, Debug, Default)]
pub struct Providers(Vec<Arc<dyn Provider>>);

impl Providers {
    /// Reads the settings of all providers; one of which nothing is set is not there. `get` gives the value of a variable.
    ///
    /// # Errors
    /// Everything that is missing or wrong, one line each, without values.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        Self::read_with(get, Arc::new(SystemClock))
    }

    /// As [`Self::read`], by another clock.
    ///
    /// # Errors
    /// Everything that is missing or wrong, one line each, without values.
    pub fn read_with(get: &dyn Fn(&str) -> Option<String>, clock: Arc<dyn Clock>) -> Result<Self, Vec<String>> {
        let mut settings = Settings::new(get, clock);
        let mut providers = Vec::new();
        for row in TABLE {
            let before = settings.problems();
            let made = row(&mut settings);
            let wanted = made.is_some() || settings.problems() > before;
            providers.extend(made);
            if wanted && settings.optional("PUBLIC_URL").is_none() {
                settings.public_url_is_missing();
            }
        }
        match settings.into_problems() {
            problems if problems.is_empty() => Ok(Self(providers)),
            problems => Err(problems),
        }
    }

    /// These providers, for tests.
    #[must_use]
    pub fn of(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        Self(providers.into_iter().collect())
    }

    /// The provider of this code.
    #[must_use]
    pub fn get(&self, code: &str) -> Option<&Arc<dyn Provider>> {
        self.iter().find(|provider| provider.code() == code)
    }

    /// All of them, in the order in which payers are shown them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.iter()
    }

    /// True where nothing can be paid but by balance or by hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
