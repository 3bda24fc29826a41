//! The policy host: what scripts may do, what stops them, what is said about
//! them.

mod checks;
mod hostile;
mod outside;
mod rules;
mod scene;
