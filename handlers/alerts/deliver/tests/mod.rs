//! The rules, without a network: addresses, answers, courses, and what is put together.

mod addresses;
mod answers;
mod courses;
mod parts;
mod receivers;
