//! Ports that stay a test's own.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A port of loopback that nobody else is given, also while the server that it is for is down. The socket that holds it does not listen:
/// whoever names the port may listen there beside it, and connections are refused until then.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _held: OwnedFd,
}

impl Port {
    /// One that is free.
    ///
    /// # Errors
    /// When the system has none, or no more sockets.
    pub fn reserve() -> Result<Port> {
        // Programs that are started meanwhile do not get it.
        let held = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let held = held.context("no socket for a port")?;
        // As servers set it: so they may listen beside this one.
        sockopt::set_socket_reuseaddr(&held, true)?;
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
        let address = SocketAddr::try_from(getsockname(&held)?)?;
        Ok(Port { number: address.port(), _held: held })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_given_to_nobody_and_may_be_listened_at_again_and_again() {
        let ports: Vec<_> = (0..200).map(|_| Port::reserve().unwrap()).collect();
        // Without them held, some hundred of these would hit one.
        for _ in 0..20_000 {
            let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            assert!(ports.iter().all(|port| port.number() != other), "{other} is reserved");
        }
        let address = ("127.0.0.1", ports[0].number());
        for _ in 0..2 {
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(address).unwrap();
            // The server's end is closed first, as a killed one's is.
            drop(listener.accept().unwrap());
            drop((listener, client));
        }
    }
}
