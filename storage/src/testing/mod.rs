//! What proves that nothing is lost: a simulated disk, a model of what the database must hold, and a seeded
//! workload that drives the real engine over both.
//!
//! [`disk::SimDisk`] records every operation, so that one run of a workload gives the disk as it was after each
//! of them; [`image::Image`] turns that into what a power cut or a killed process leaves. [`model::Model`] knows
//! of every sample when it was attempted, acknowledged and made durable, counted in operations of the disk, and
//! judges what an engine that opens on the remains gives back.

pub mod crash;
pub mod deletions;
pub mod disk;
pub mod fault;
pub mod image;
pub mod model;
pub mod rng;
pub mod samples;
pub mod workload;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod exemplar_tests;
#[cfg(test)]
mod found_tests;
#[cfg(test)]
mod tests;
