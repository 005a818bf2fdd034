//! Same plan, same digest.

use crate::support::root;
