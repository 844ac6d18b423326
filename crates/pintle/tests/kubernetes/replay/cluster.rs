//! What pods share on this machine: the objects that were applied, the Secrets, the disks, the addresses.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::folder::Folder;

/// A cluster of one node.
pub(crate) struct Cluster {
    at: TempDir,
    objects: BTreeMap<(String, String), Value>,
    secrets: BTreeMap<(String, String), String>,
    pods: AtomicU8,
    reserved: Vec<Reserved>,
    user: Option<u32>,
}

/// The addresses that a Service has or will have: names are not looked up here, so who asks one is told all that it will ever lead to.
struct Reserved {
    service: Value,
    addresses: Vec<Ipv4Addr>,
    free: Mutex<Vec<Ipv4Addr>>,
}

impl Cluster {
    /// With these Secrets: name, key, value.
    pub(crate) fn new(secrets: &[(&str, &str, &str)]) -> Cluster {
        let at = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(at.path(), fs::Permissions::from_mode(0o755)).expect("a folder's mode");
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !is_root {
            eprintln!(
                "SKIPPED: pods run as whoever runs the tests, not as their own user: only root can start them as that"
            );
        }
        let binary = at.path().join("pintle");
        let built = Path::new(env!("CARGO_BIN_EXE_pintle"));
        // Where the tests were built others may not look.
        fs::hard_link(built, &binary).or_else(|_| fs::copy(built, &binary).map(drop)).expect("the binary");
        let secret =
            |(name, key, value): &(&str, &str, &str)| ((str::to_owned(name), str::to_owned(key)), str::to_owned(value));
        Cluster {
            at,
            objects: BTreeMap::new(),
            secrets: secrets.iter().map(secret).collect(),
            pods: AtomicU8::new(0),
            reserved: Vec::new(),
            user: is_root.then_some(65_532),
        }
    }

    /// As `kubectl apply -f`, with what is asked for alone.
    pub(crate) fn apply(&mut self, folder: &Folder) {
        for object in folder.objects() {
            let name = |value: &Value| value.as_str().expect("a name").to_owned();
            let key = (name(&object["kind"]), name(&object["metadata"]["name"]));
            // What never changes is there already, or is new.
            if let Some(before) = self.objects.get(&key).filter(|before| before["immutable"] == true) {
                assert_eq!(before["data"], object["data"], "{key:?} never changes");
            }
            self.objects.insert(key, object);
        }
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.objects.get(&(kind.to_owned(), name.to_owned()));
        found.unwrap_or_else(|| panic!("there is no {kind} `{name}`"))
    }

    /// The name of the only object of a kind whose name begins so.
    pub(crate) fn named(&self, kind: &str, begin: &str) -> &Value {
        let mut found = self.objects.iter().filter(|((k, name), _)| k == kind && name.starts_with(begin));
        let one = found.next().unwrap_or_else(|| panic!("there is no {kind} `{begin}…`")).1;
        assert!(found.next().is_none(), "there are several {kind} `{begin}…`");
        one
    }

    pub(crate) fn secret(&self, name: &str, key: &str) -> Option<&str> {
        self.secrets.get(&(name.to_owned(), key.to_owned())).map(String::as_str)
    }

    /// Whom pods run as, where that can be.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    pub(crate) fn binary(&self) -> PathBuf {
        self.at.path().join("pintle")
    }

    /// The disk of a claim; it outlives pods.
    pub(crate) fn claim(&self, name: &str) -> PathBuf {
        self.at.path().join("claims").join(name)
    }

    /// Keeps addresses for the pods of a Service.
    pub(crate) fn reserve(&mut self, service: &str, count: usize) {
        let addresses: Vec<Ipv4Addr> = (0..count).map(|_| self.address()).collect();
        let free = Mutex::new(addresses.iter().rev().copied().collect());
        self.reserved.push(Reserved { service: self.object("Service", service).clone(), addresses, free });
    }

    /// A text with addresses in the place of a Service's name: `http://NAME:PORT`.
    pub(crate) fn looked_up(&self, text: &str) -> String {
        for Reserved { service, addresses, .. } in &self.reserved {
            let port = &service["spec"]["ports"][0]["port"];
            if text == format!("http://{}:{port}", service["metadata"]["name"].as_str().expect("a name")) {
                let urls: Vec<String> = addresses.iter().map(|address| format!("http://{address}:{port}")).collect();
                return urls.join(",");
            }
        }
        text.to_owned()
    }

    /// A folder and an address for a new pod with these labels.
    pub(crate) fn place(&self, name: &str, labels: &Value) -> (PathBuf, Ipv4Addr) {
        let leads_there = |reserved: &&Reserved| {
            let mut wanted = reserved.service["spec"]["selector"].as_object().expect("a selector").iter();
            wanted.all(|(label, value)| labels[label] == *value)
        };
        let kept = self.reserved.iter().find(leads_there);
        let kept = kept.and_then(|reserved| reserved.free.lock().expect("the addresses").pop());
        let address = kept.unwrap_or_else(|| self.address());
        let folder = self.at.path().join("pods").join(format!("{}-{name}", address.octets()[3]));
        fs::create_dir_all(&folder).expect("a folder");
        (folder, address)
    }

    /// Each pod has a loopback address of its own, as pods have, so ports stay as they are; the test's process is part of it, since others
    /// run beside it.
    fn address(&self) -> Ipv4Addr {
        let number = self.pods.fetch_add(1, Ordering::Relaxed) + 1;
        let [.., high, low] = std::process::id().to_be_bytes();
        Ipv4Addr::new(127, high | 0x80, low, number)
    }
}
