//! The real binary: killed, stopped, misconfigured, and with a disk that fails.

mod bank_service;
mod banks;
mod checker;
mod commands;
mod demo;
mod disk;
mod full;
mod kills;
mod kost;
mod merchant;
mod midtrans;
mod money_out;
mod operator;
mod paying;
mod restore;
mod simulate;
mod stops;
mod sweep;
mod till;
mod top_up;
mod town;
mod trace;
mod transfers;
