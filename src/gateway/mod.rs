//! The gateway: carries exchanges from a client's request to settling.

mod bundle;

pub use bundle::{Bundle, KeyEntry, Retries, Route, ServiceSpec, Settings, Shadow, Timeouts};
