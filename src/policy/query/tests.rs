use std::sync::Arc;

use super::*;
use crate::model::{Health, Limits, Model, Price, Tag};
use crate::provider::Provider;
