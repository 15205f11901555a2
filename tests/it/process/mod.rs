//! The real binary: killed, stopped, misconfigured, and with a disk that fails.

mod bank_service;
mod banks;
mod checker;
mod commands;
mod demo;
mod disk;
mod kills;
mod midtrans;
mod money_out;
mod operator;
mod simulate;
mod stops;
mod town;
mod transfers;
