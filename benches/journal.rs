//! What does the journal cost: encoding a record, making a batch durable, starting again?
//!
//! Payments between 10,000 users, from a fixed seed. The last hash is printed: two runs that differ
//! in it measured different things. It measures no HTTP and no actor.

use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gerbang::identity::password::PasswordHash;
use gerbang::journal::checkpoint::Checkpoint;
use gerbang::journal::lock::Lock;
use gerbang::journal::sealer::Sealer;
use gerbang::journal::sidefile::Mark;
use gerbang::journal::store::{Opened, open};
use gerbang::journal::{Batch, BatchBuilder, Hash, Journal, SledJournal};
use gerbang::ledger::book::{Book, Links};
use gerbang::ledger::event::{
    AccountKind, AccountOpened, Credential, Digest, Event, Fact, Movement, MovementKind, Origin,
    Role, UserCreated,
};
use gerbang::ledger::id::{AccountId, Position, Principal, UserId};
use gerbang::ledger::money::{Amount, Currency};
use gerbang::ledger::text::{Email, Line, Reference, Username};
use gerbang::ledger::time::Timestamp;
use gerbang::limits;

/// The allocator of the binary, so that figures are those of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Small under `--test`, where only that it runs is asked.
fn sized(full: u32) -> u32 {
    if std::env::args().any(|argument| argument == "--test") { full / 100 } else { full }
}

fn text<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("the texts of this benchmark have the right form")
}

/// Writes batches and keeps the book they lead to.
struct World {
    book: Book,
    hash: Hash,
    time: Timestamp,
    random: u64,
    users: u32,
}

impl World {
    fn new(users: u32) -> Self {
        let time = Timestamp::from_seconds(1_790_000_000);
        Self { book: Book::new(), hash: Hash::GENESIS, time, random: 7, users }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn entry(&mut self, fact: Fact) -> (Event, Links) {
        let event = Event { at: self.time, fact };
        let links = self.book.apply(self.book.next(), &event);
        (event, links)
    }

    fn payment(&mut self) -> Fact {
        let (payer, payee) = (self.random(), self.random());
        let payer = u32::try_from(payer % u64::from(self.users)).unwrap_or(0);
        let payee = u32::try_from(payee % u64::from(self.users)).unwrap_or(0);
        let payee = if payer == payee { (payee + 1) % self.users } else { payee };
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&self.random().to_le_bytes());
        digest[8..].copy_from_slice(&self.random().to_le_bytes());
        let reference = format!("FDP{:012}", self.random() % 1_000_000_000_000);
        Fact::Moved(Movement {
            origin: Origin {
                principal: Principal::User(UserId(payer)),
                reference: text(Reference::parse(&reference)),
                digest: Digest(digest),
            },
            kind: MovementKind::Payment,
            debit: AccountId(payer),
            credit: AccountId(payee),
            amount: Amount::new(1_000 + self.random() % 1_000_000).expect("in bounds"),
            currency: Currency::IDR,
            fee: None,
            note: text(Line::parse("Nasi goreng", 255)),
        })
    }

    fn batch(&mut self, count: u32, mut fact: impl FnMut(&mut Self, u32) -> Fact) -> Batch {
        self.time = self.time.plus_seconds(1);
        let mut builder = BatchBuilder::new(self.book.next(), self.time, self.hash);
        for number in 0..count {
            let fact = fact(self, number);
            let (event, links) = self.entry(fact);
            builder.push(&event, &links);
        }
        let batch = builder.finish();
        self.hash = batch.hash();
        batch
    }

    fn genesis(&mut self) -> Batch {
        self.batch(1, |_, _| Fact::Genesis)
    }

    fn sign_up(&mut self) -> Batch {
        self.batch(self.users, |_, number| {
            // A credit line, so that no payment is short of money.
            let account = AccountOpened {
                account: AccountId(number),
                kind: AccountKind::Wallet,
                currency: Currency::IDR,
                owner: Some(UserId(number)),
                floor: i64::MIN,
                by: Principal::System,
            };
            Fact::UserCreated(Box::new(UserCreated {
                user: UserId(number),
                username: text(Username::parse(&format!("user{number}"))),
                email: text(Email::parse(&format!("user{number}@contoh.id"))),
                name: text(Line::parse("Ani Wijaya", 100)),
                phone: None,
                role: Role::Buyer,
                credential: Credential([7; PasswordHash::BYTES].into()),
                must_change_password: false,
                account,
            }))
        })
    }
}

fn encode(criterion: &mut Criterion) {
    let mut world = World::new(10_000);
    world.genesis();
    world.sign_up();
    let entries: Vec<_> = (0..1_000)
        .map(|_| {
            let fact = world.payment();
            world.entry(fact)
        })
        .collect();
    let mut group = criterion.benchmark_group("encode");
    for batch in [16, 64, 1_000] {
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("batch of {batch} payments"), |bencher| {
            bencher.iter(|| {
                let mut builder = BatchBuilder::new(Position::FIRST, world.time, world.hash);
                for (event, links) in &entries[..batch] {
                    builder.push(event, links);
                }
                builder.finish()
            });
        });
    }
    group.finish();
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for size in [1, 64, 1_000] {
        let directory = tempfile::tempdir().expect("a directory");
        let lock = Arc::new(Lock::acquire(directory.path()).expect("a lock"));
        let log = directory.path().join("log");
        let (mut journal, _) = SledJournal::open(&log, lock).expect("a log");
        let mut world = World::new(1_000);
        for batch in [world.genesis(), world.sign_up()] {
            journal.append(&batch).expect("durable");
        }
        group.throughput(Throughput::Elements(u64::from(size)));
        group.bench_function(format!("batch of {size} payments"), |bencher| {
            bencher.iter_batched(
                || world.batch(size, |world, _| world.payment()),
                |batch| journal.append(&batch).expect("durable"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A store of so many payments, sealed but for its tail.
fn store_of(directory: &Path, users: u32, payments: u32) -> Checkpoint {
    let mut world = World::new(users);
    let genesis = world.genesis();
    let opened = open(directory, genesis.time(), &mut |_| {}, &mut |_, _| {}).expect("a store");
    let Opened { mut journal, history, site, last_hash, .. } = opened;
    assert_eq!(last_hash, genesis.hash());
    let sealer = Sealer::start(site, history.clone(), limits::SEGMENT_BYTES).expect("a sealer");
    let signed_up = world.sign_up();
    let mut append = |batch: Batch| {
        journal.append(&batch).expect("durable");
        history.push(batch);
        sealer.look();
        if let Some(sealed) = sealer.sealed_through() {
            journal.trim(sealed).expect("trimmed");
        }
        // A load that can last: the sealer keeps up with it.
        while history.tail_bytes() > 2 * limits::SEGMENT_BYTES {
            std::thread::yield_now();
        }
    };
    append(signed_up);
    for _ in 0..payments.div_ceil(1_000) {
        append(world.batch(1_000, |world, _| world.payment()));
    }
    sealer.stop();
    let position = world.book.position.expect("not empty");
    let mark = Mark { position, hash: world.hash };
    Checkpoint { mark, time: world.time, book: world.book }
}

#[expect(clippy::print_stderr, reason = "a size is no time: criterion has no place for it")]
fn start(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let (users, payments) = (sized(10_000), sized(1_000_000));
    let checkpoint = store_of(directory.path(), users, payments);
    let bytes_in = |name: &str| -> u64 {
        let entries = std::fs::read_dir(directory.path().join(name)).expect("a directory");
        entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a file").len()).sum()
    };
    let (sealed, log) = (bytes_in("history"), bytes_in("log"));
    let opened = || {
        let mut references = 0_u64;
        let mut count = |_, _| references += 1;
        let opened =
            open(directory.path(), Timestamp::EPOCH, &mut |_| {}, &mut count).expect("a store");
        (opened, references)
    };
    let last_hash = opened().0.last_hash;
    let first_unsealed = opened().0.site.side.sealed.map_or(1, |mark| mark.position.get() + 1);
    eprintln!("{payments} payments: {sealed} bytes sealed before position {first_unsealed}");
    eprintln!("{log} bytes in the log");
    eprintln!("hash {last_hash}");
    let mut group = criterion.benchmark_group("start");
    group.sample_size(10);
    group.bench_function("without a checkpoint", |bencher| bencher.iter(|| opened().1));
    checkpoint.write(directory.path()).expect("a checkpoint");
    group.bench_function("with a checkpoint", |bencher| bencher.iter(|| opened().1));
    group.finish();
}

fn load_checkpoint(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut world = World::new(sized(1_000_000));
    world.genesis();
    world.sign_up();
    let mark = Mark { position: world.book.position.expect("not empty"), hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    let mut group = criterion.benchmark_group("checkpoint");
    group.sample_size(10);
    group.bench_function("write accounts and users", |bencher| {
        bencher.iter(|| checkpoint.write(directory.path()).expect("written"));
    });
    group.bench_function("load accounts and users", |bencher| {
        bencher.iter_with_large_drop(|| {
            Checkpoint::newest(directory.path()).expect("read").expect("whole")
        });
    });
    group.finish();
}

criterion_group!(benches, encode, append, start, load_checkpoint);
criterion_main!(benches);
