//! What does the pure ledger cost: deciding and following a payment in one account, and following
//! it in the whole book?
//!
//! No task, no journal, no clock. The sum of all balances' sizes after a fixed number of payments
//! is printed: two runs that differ in it measured different things.

#[expect(dead_code, reason = "each benchmark uses a part of it")]
mod common;

use common::{NOW, Random, event, movement, sized, user};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gerbang::ledger::account::{Account, Awaiting};
use gerbang::ledger::book::Book;
use gerbang::ledger::event::{Event, Fact, Movement};
use gerbang::ledger::policy::Policy;

/// As the product has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Payments that are decided in turn.
const PAYMENTS: usize = 4_096;

fn book_of(users: u32) -> Book {
    let mut book = Book::new();
    book.apply(book.next(), &event(Fact::Genesis));
    for number in 0..users {
        book.apply(book.next(), &event(user(number)));
    }
    book
}

#[expect(clippy::print_stderr, reason = "criterion has no place for a sum")]
fn print_sum(mut book: Book, events: &[Event]) {
    for event in events {
        book.apply(book.next(), event);
    }
    let sizes = book.accounts().map(|account| account.balance().units().unsigned_abs());
    eprintln!("sum of balances' sizes {}", sizes.sum::<u128>());
}

fn decide(criterion: &mut Criterion) {
    let users = sized(100_000);
    let mut random = Random(7);
    let moves: Vec<Movement> = (0..PAYMENTS).map(|_| movement(&mut random, users)).collect();
    let events: Vec<Event> = moves.iter().map(|it| event(Fact::Moved(it.clone()))).collect();
    let book = book_of(users);
    print_sum(book.clone(), &events);

    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    let mut accounts: Vec<Account> = book.accounts().collect();
    let mut turn = 0;
    group.bench_function("both halves of a payment, decided and followed", |bencher| {
        bencher.iter(|| {
            let (movement, event) = (&moves[turn % PAYMENTS], &events[turn % PAYMENTS]);
            turn += 1;
            let giver = &mut accounts[movement.debit.0 as usize];
            giver.decide_debit(movement, None).expect("credit is ample");
            giver.apply(&event.fact, NOW, None);
            let receiver = &mut accounts[movement.credit.0 as usize];
            receiver
                .decide_credit(movement, NOW, &Policy::NONE, Awaiting::default())
                .expect("no limit");
            receiver.apply(&event.fact, NOW, None);
        });
    });
    let (mut book, mut turn) = (book, 0);
    group.bench_function("Book::apply of a payment", |bencher| {
        bencher.iter(|| {
            turn += 1;
            book.apply(book.next(), &events[turn % PAYMENTS])
        });
    });
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
