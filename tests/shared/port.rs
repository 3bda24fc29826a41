//! Ports for gateways in processes of their own.

use std::net::TcpListener;

/// A port on which nobody listens: below those that the system hands out to
/// connections, which could take it before the gateway does.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
