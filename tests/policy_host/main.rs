//! The policy host: what scripts may do, what stops them, what is said about
//! them.

mod checks;
mod effects;
mod figures;
mod hostile;
mod outside;
mod rules;
mod scene;
