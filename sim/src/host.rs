//! What a simulated host is made of besides its machine: virtual cores and a disk.
//!
//! Both are told the time and answer with a time; the world schedules what happens then. What is on a damaged disk says the
//! [journal]'s own code.

pub mod cpu;
pub mod disk;
pub mod journal;

pub use cpu::Cpu;
pub use disk::Disk;
