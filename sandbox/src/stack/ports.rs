//! Free loopback ports that stay ours: between stacks of one machine, and over the restart of a part.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::Path,
};

use anyhow::Context as _;

/// Ports are taken from here: below the range from which Linux serves outgoing connections (32768 by default), so
/// that no client socket sits on a port while its server is restarted.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// How many ports are tried before giving up; with the range nearly empty the first one fits.
const TRIES_MAX: usize = 2_000;

/// A set of named ports, reserved while this lives.
#[derive(Debug)]
pub struct Ports {
    by_name: BTreeMap<String, u16>,
    /// Abstract sockets: names that the kernel frees when the process ends, however it ends.
    _claims: Vec<UnixListener>,
}

impl Ports {
    /// Reserves a port for each name. The ports written to `memory` by an earlier run are taken again when they are
    /// free, so that addresses stay the same from run to run.
    ///
    /// # Errors
    /// When no free port is found or `memory` cannot be written.
    pub fn reserve(names: &[&str], memory: &Path) -> anyhow::Result<Self> {
        let remembered: BTreeMap<String, u16> =
            fs::read(memory).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let mut by_name = BTreeMap::new();
        let mut claims = Vec::new();
        for name in names {
            let again = remembered.get(*name).and_then(|port| Some((*port, claim(*port)?)));
            let (port, socket) = match again {
                Some(found) => found,
                None => find()?,
            };
            by_name.insert((*name).to_owned(), port);
            claims.push(socket);
        }
        fs::write(memory, serde_json::to_vec_pretty(&by_name)?)
            .with_context(|| format!("cannot write {}", memory.display()))?;
        Ok(Self { by_name, _claims: claims })
    }

    /// The port of `name`; 0 for a name that was not reserved.
    #[must_use]
    pub fn get(&self, name: &str) -> u16 {
        self.by_name.get(name).copied().unwrap_or(0)
    }

    /// `127.0.0.1:<port of name>`.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        format!("127.0.0.1:{}", self.get(name))
    }

    /// `http://127.0.0.1:<port of name>`.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}", self.address(name))
    }
}

fn find() -> anyhow::Result<(u16, UnixListener)> {
    for _ in 0..TRIES_MAX {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let port = PORTS.start + u16::from_le_bytes(bytes) % (PORTS.end - PORTS.start);
        if let Some(socket) = claim(port) {
            return Ok((port, socket));
        }
    }
    anyhow::bail!("no free loopback port between {} and {}", PORTS.start, PORTS.end)
}

/// Takes `port` if neither another stack nor anything else on loopback has it.
fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("causeway-port-{port}")).ok()?;
    let socket = UnixListener::bind_addr(&name).ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_port_has_one_owner_and_is_remembered() {
        let dir = std::env::temp_dir().join(format!("causeway-ports-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let first = Ports::reserve(&["a", "b"], &dir.join("ports.json")).unwrap();
        let (a, b) = (first.get("a"), first.get("b"));
        assert_ne!(a, b);
        let second = Ports::reserve(&["a", "b"], &dir.join("ports.json")).unwrap();
        assert!(![a, b].contains(&second.get("a")) && ![a, b].contains(&second.get("b")), "taken while it was owned");
        drop(first);
        // A process that another test is just starting holds every socket of this one until it runs its own program.
        let started = Instant::now();
        let mut again = (0, 0);
        while again != (a, b) && started.elapsed() < Duration::from_secs(10) {
            fs::write(dir.join("ports.json"), format!("{{\"a\":{a},\"b\":{b}}}")).unwrap();
            let third = Ports::reserve(&["a", "b"], &dir.join("ports.json")).unwrap();
            again = (third.get("a"), third.get("b"));
        }
        assert_eq!(again, (a, b));
        fs::remove_dir_all(&dir).unwrap();
    }
}
