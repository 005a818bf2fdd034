//! What a simulated host is made of besides its machine: virtual cores, a disk and a clock.
//!
//! All are told the time and answer with a time; the world schedules what happens then. What is on a damaged disk says the
//! [journal]'s own code.

pub mod clock;
pub mod cpu;
pub mod disk;
pub mod journal;

pub(crate) use clock::Clock;
pub use cpu::Cpu;
pub use disk::Disk;
