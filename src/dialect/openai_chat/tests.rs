//! The dialect as its documentation shows it.
