//! Every bound that is not configuration, in one place.
//!
//! What an operator may want to change is in `config.rs`; what is here keeps the process safe.

use std::time::Duration;

// Text that clients choose, in bytes of UTF-8 unless said otherwise.

/// Shortest and longest username; ASCII lower-case letters, digits, `_`, `.` and `-`.
pub const USERNAME_MIN: usize = 3;
/// See [`USERNAME_MIN`].
pub const USERNAME_MAX: usize = 32;
/// Longest display name.
pub const NAME_MAX: usize = 100;
/// Longest e-mail address (RFC 5321, 4.5.3.1.3 less the brackets).
pub const EMAIL_MAX: usize = 254;
/// Longest phone number, E.164 with its plus.
pub const PHONE_MAX: usize = 16;
/// Longest note on a payment.
pub const NOTE_MAX: usize = 255;
/// Longest reference or `Idempotency-Key`, visible ASCII.
pub const REFERENCE_MAX: usize = 255;
/// Longest reason an administrator gives.
pub const REASON_MAX: usize = 255;
/// Longest name a client application has in its tokens.
pub const CLIENT_ID_MAX: usize = 36;
/// Most entries in a client's allow list.
pub const ALLOW_MAX: usize = 64;
/// Most client applications.
pub const CLIENTS_MAX: usize = 4_096;
/// Most days of a bank's statement that are asked for at once.
pub const STATEMENT_DAYS_MAX: i32 = 31;
/// Changes of tables that may wait for a second person at once.
pub const PROPOSALS_MAX: usize = 256;
/// Words about money that may wait for a second person at once.
pub const DECISIONS_MAX: usize = 1_024;
/// How long one waits: over a weekend.
pub const PROPOSAL_SECONDS: i64 = 3 * 24 * 3600;
/// Rooms that a landlord lets: all are looked through at each change.
pub const ROOMS_MAX: usize = 1_000;
/// Longest code of a room.
pub const ROOM_CODE_MAX: usize = 32;
/// Users that a landlord made and who have not chosen a password of their own: each holds an e-mail
/// address that nobody has shown to be theirs. As many as a large house moves in at once.
pub const TENANTS_UNCLAIMED_MAX: usize = 200;
/// Users that a landlord may make at once.
pub const TENANTS_BURST: u32 = 200;
/// Time in which they may make one more, in seconds: 96 a day.
pub const TENANT_SECONDS: i64 = 15 * 60;
/// Days between today and a tenant's first day, either way: bills go back to it.
pub const START_DAYS_MAX: i64 = 366;
/// Ways to pay in the table.
pub const METHODS_MAX: usize = 64;
/// Longest name of a way to pay in requests.
pub const METHOD_ID_MAX: usize = 32;
/// Shortest password in characters (NIST SP 800-63B); administrators need `PASSWORD_ADMIN_MIN`.
pub const PASSWORD_MIN: usize = 8;
/// Shortest password of an administrator (PCI DSS 8.3.6).
pub const PASSWORD_ADMIN_MIN: usize = 12;
/// Longest password in bytes; longer ones are refused, never cut.
pub const PASSWORD_MAX: usize = 256;

// The edge.

/// Largest request head hyper may buffer.
pub const HEAD_MAX: usize = 16 * 1024;
/// Longest request target.
pub const URI_MAX: usize = 8 * 1024;
/// Most segments in a path.
pub const SEGMENTS_MAX: usize = 16;
/// Longest `X-Request-Id` of a client that is kept.
pub const REQUEST_ID_MAX: usize = 64;
/// Most header fields in a request.
pub const HEADERS_MAX: usize = 64;
/// Largest request body but for batches.
pub const BODY_MAX: usize = 64 * 1024;
/// Most bytes, in KiB, of bodies that have come in part: a listener's clients may have a million
/// streams between them.
pub const BODIES_KIB_MAX: usize = 256 * 1024;
/// Largest body of a batch.
pub const BATCH_BODY_MAX: usize = 4 * 1024 * 1024;
/// Most items in a batch.
pub const BATCH_ITEMS_MAX: usize = 8_192;
/// Deepest nesting of a JSON body.
pub const JSON_DEPTH_MAX: usize = 16;
/// Most streams an HTTP/2 client may have open.
pub const H2_STREAMS_MAX: u32 = 100;
/// Most connections at once; below the descriptor limit that `serve` checks.
pub const CONNECTIONS_MAX: usize = 16_384;
/// The part of them that one address may have: 2,048 where there are as many, for the subscribers of
/// a mobile network share few addresses.
pub const CONNECTIONS_PER_ADDRESS_PART: usize = 8;
/// Descriptors that connections leave to the journal and everything else.
pub const FILES_KEPT: usize = 256 + DELIVERIES_MAX + DELIVERIES_NEW_MAX + DELIVERIES_FAILING_MAX;
/// Most TLS handshakes under way.
pub const TLS_HANDSHAKES_MAX: usize = 64;
/// Of them, those of one address: it can hold each for [`TLS_TURN_TIMEOUT`] by saying nothing.
pub const TLS_HANDSHAKES_PER_ADDRESS_MAX: usize = TLS_HANDSHAKES_MAX / 4;
/// How long a TLS handshake may take once the client's hello is whole.
pub const TLS_TURN_TIMEOUT: Duration = Duration::from_secs(2);
/// Until a new connection sends its first byte or finishes its TLS handshake.
pub const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);
/// Until a request's head is whole.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Until a request's body is whole.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle keep-alive connection stays.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a write to a client may make no progress.
pub const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(20);
/// What a client has to take in a second of what it asked for, once it is behind: as slow a network
/// as there is, and yet no answer is held for long.
pub const WRITE_BYTES_PER_SECOND_MIN: u64 = 4 * 1024;
/// Frames of an HTTP/2 client at once that ask for nothing (pings, settings, windows, priorities).
pub const H2_CONTROL_BURST: u64 = 400;
/// How many more each second brings.
pub const H2_CONTROL_PER_SECOND: u64 = 50;
/// How many more each request brings.
pub const H2_CONTROL_PER_REQUEST: u64 = 8;
/// Bytes of answers that bring one more: windows are opened for them.
pub const H2_WRITTEN_PER_CONTROL: u64 = 256;
/// Bytes of such a frame that count as much as another frame.
pub const H2_CONTROL_BYTES: u64 = 256;
/// How long, and for how many bytes, a closing connection still reads what was on its way, so that
/// the last answer is not lost to a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// See [`LINGER_TIMEOUT`].
pub const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Between pings on an idle HTTP/2 connection, and until the answer.
pub const H2_PING: Duration = Duration::from_secs(20);
/// How long a stop waits for requests in flight.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the accept loop rests when descriptors run out.
pub const ACCEPT_REST: Duration = Duration::from_millis(20);
/// Largest WebSocket message a client may send.
pub const WEBSOCKET_MESSAGE_MAX: usize = 64 * 1024;
/// What a WebSocket connection buffers of its client.
pub const SOCKET_BUFFER_BYTES: usize = 4 * 1024;
/// WebSocket connections of one user.
pub const WEBSOCKETS_PER_USER_MAX: usize = 8;
/// Top-ups by bank transfer that an account may have waiting for an administrator.
pub const TOP_UPS_AWAITING_MAX: usize = 20;
/// Lists and reports that read history at once.
pub const WALKS_MAX: usize = 4;
/// Of them, those of one user that read or wait, so that none keeps the others waiting: as many as an
/// app asks for when it opens.
pub const WALKS_OF_ONE_MAX: usize = 8;
/// Page sizes of lists.
pub const PAGE_DEFAULT: usize = 20;
/// See [`PAGE_DEFAULT`].
pub const PAGE_MAX: usize = 100;

/// Seconds a client is asked to wait after 429 and 503.
pub const RETRY_AFTER_SECONDS: u32 = 1;

// Identity.

/// Passwords being hashed at once: half of the cores, so that payments keep the rest.
pub const HASHERS_MAX: usize = 4;
/// Of the hashes that wait or are made, those of one network while others wait too; alone it may
/// have twice as many.
pub const HASHES_OF_ONE_NETWORK_MAX: usize = HASH_QUEUE_MAX / 4;
/// Hashes waiting for a turn before callers are told to come back.
pub const HASH_QUEUE_MAX: usize = 256;
/// Most memory a stored password hash may ask for, in KiB: a corrupt record must not take it all.
pub const HASH_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes a stored password hash may ask for.
pub const HASH_PASSES_MAX: u16 = 16;
/// Most lanes a stored password hash may ask for.
pub const HASH_LANES_MAX: u8 = 4;
/// Failed logins that lock an account (PCI DSS 8.3.4).
pub const LOGIN_FAILURES_MAX: u32 = 10;
/// How long a locked account stays locked, in seconds (PCI DSS 8.3.4).
pub const LOGIN_LOCK_SECONDS: i64 = 30 * 60;
/// How long a one-time code is good, in seconds (OWASP MFA, ASVS 6.5.5).
pub const CODE_SECONDS: i64 = 5 * 60;
/// Wrong tries that end a one-time code.
pub const CODE_TRIES_MAX: u8 = 5;
/// One-time codes of a user in a day of the books: 50 guesses in a million.
pub const CODES_PER_DAY_MAX: u32 = 10;
/// Digits of a one-time code, sent or shown by an authenticator.
pub const CODE_DIGITS: usize = 6;
/// Wrong codes in a row that close the way by authenticator.
pub const TOTP_FAILURES_MAX: u32 = 5;
/// For how long, in seconds: 40 guesses a day are left, and sent codes go on working.
pub const TOTP_LOCK_SECONDS: i64 = 3 * 3600;
/// Steps of an authenticator before and after the present one that count: clocks differ.
pub const TOTP_STEPS_AROUND: u64 = 1;
/// Messages with codes that wait for their sender; beyond it nobody is sent one.
pub const SENDS_WAITING_MAX: usize = 256;
/// Messages with codes under way at once.
pub const SENDING_MAX: usize = 8;
/// How long one of them may take.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(15);
/// When it makes sense to ask for a code again if none can be sent, in seconds.
pub const SENDER_RETRY_AFTER_SECONDS: u32 = 10;
/// Keys of applications that one user may have: a few applications, each with the old and the new.
pub const API_KEYS_PER_OWNER_MAX: usize = 16;
/// Keys of applications altogether.
pub const API_KEYS_MAX: usize = 10_000;
/// Between two notes in the journal that a key was used, in seconds.
pub const API_KEY_NOTED_SECONDS: i64 = 3_600;
/// Life of a user's token, in seconds (EZPY-1, MATA-1).
pub const TOKEN_SECONDS: i64 = 24 * 3600;
/// How long a device is known by a login, in seconds: half a year, and each login begins it anew.
pub const DEVICE_TOKEN_SECONDS: i64 = 180 * 24 * 3600;
/// How long a revoked token is remembered beyond its end, in seconds: two years, so that a clock
/// that was wrong for a while brings no dead token back.
pub const REVOCATION_KEPT_SECONDS: i64 = 2 * 365 * 24 * 3600;
/// Longest life of a token a client application signs, in seconds.
pub const CLIENT_TOKEN_SECONDS_MAX: i64 = 5 * 60;
/// Leeway for clocks that differ, in seconds.
pub const TOKEN_LEEWAY_SECONDS: i64 = 5;
/// Longest token looked at.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Life of a token that the gateway signs for a bank service, in seconds.
pub const PARTNER_TOKEN_SECONDS: i64 = 2 * 60;
/// How long such a token is used before the next is signed, in seconds.
pub const PARTNER_TOKEN_USED_SECONDS: i64 = 60;
/// Verified tokens kept for quick recognition.
pub const TOKEN_CACHE_MAX: usize = 65_536;
/// Longest `sub` of a token: an id with its prefix.
pub const SUBJECT_MAX: usize = 40;
/// Shortest secret that may sign or verify a client application's token (RFC 7518, 3.2).
pub const CLIENT_SECRET_MIN: usize = 32;
/// Largest file of signing keys read.
pub const KEYS_FILE_MAX: u64 = 64 * 1024;
/// Keys remembered by one throttle.
pub const THROTTLE_KEYS_MAX: usize = 65_536;
/// Sign-ups of one network at once unless configured otherwise: a school's first day, and well below
/// [`HASH_QUEUE_MAX`], so that logins of others find a place.
pub const SIGN_UPS_BURST: u32 = 100;
/// Time in which a network earns one more sign-up, in seconds.
pub const SIGN_UP_SECONDS: i64 = 6;
/// Failed logins from one address (one IPv6 /64) before it has to wait: a shop's or a
/// university's users share one, and mistype.
pub const ADDRESS_FAILURES_BURST: u32 = 100;
/// Time in which an address earns one more failed login, in seconds.
pub const ADDRESS_FAILURE_SECONDS: i64 = 6;
/// Failed logins from one IPv6 /48 before all of it has to wait: several subscribers' worth, since
/// some networks give it to one customer and others divide it.
pub const SITE_FAILURES_BURST: u32 = 4 * ADDRESS_FAILURES_BURST;
/// Time in which a /48 earns one more failed login, in seconds.
pub const SITE_FAILURE_SECONDS: i64 = 2;
/// Refusals of one person that are recorded before they have to wait: each is an entry for ever.
pub const REFUSALS_BURST: u32 = 300;
/// Time in which a person may be refused once more, in seconds.
pub const REFUSAL_SECONDS: i64 = 10;
/// Names that nobody has, asked for by one person, before they have to wait.
pub const MISSES_BURST: u32 = 60;
/// Time in which a person may miss once more, in seconds.
pub const MISS_SECONDS: i64 = 30;
/// Bills of one issuer to one payer before the issuer has to wait.
pub const BILLS_TO_ONE_BURST: u32 = 100;
/// Time in which one more bill to the same payer may be issued, in seconds.
pub const BILL_TO_ONE_SECONDS: i64 = 600;
/// Failed logins with one name before it has to wait, known or not. As many as lock an account:
/// with fewer no account would ever lock, with more a lock would tell which names are known.
pub const NAME_FAILURES_BURST: u32 = LOGIN_FAILURES_MAX;
/// Time in which a name earns one more failed login, in seconds.
pub const NAME_FAILURE_SECONDS: i64 = 30;
/// Longest wait a throttle imposes, in seconds.
pub const THROTTLE_WAIT_SECONDS_MAX: i64 = 3600;

// Bank transfers.

/// Most screening rules.
pub const SCREENING_RULES_MAX: usize = 64;
/// Longest name of a screening rule.
pub const RULE_NAME_MAX: usize = 40;
/// Most entries in a screening rule's list.
pub const SCREENING_LIST_MAX: usize = 10_000;
/// Longest window of a screening rule, in seconds: a month.
pub const SCREENING_WINDOW_SECONDS_MAX: i64 = 31 * 24 * 3600;
/// Slots a screening rule's window is cut into.
pub const VELOCITY_SLOTS: i64 = 16;
/// Clients and beneficiaries whose speed is known at once.
pub const VELOCITY_KEYS_MAX: usize = 65_536;
/// Pairs of client and beneficiary remembered as not new.
pub const BENEFICIARIES_MAX: usize = 262_144;
/// How long a beneficiary that was paid is not new, in seconds: half a year.
pub const BENEFICIARY_KNOWN_SECONDS: i64 = 180 * 24 * 3600;
/// Most lines of a bank's statement.
pub const STATEMENT_LINES_MAX: usize = 200_000;

// The engine.

/// Commands an account's actor holds before callers are told to come back.
pub const MAILBOX_MAX: usize = 8_192;
/// Entries that may wait for the writer; beyond it actors answer `busy`.
pub const QUEUE_MAX: usize = 65_536;
/// Entries of one batch.
pub const BATCH_ENTRIES_MAX: usize = 8_192;
/// Durable batches whose callers are not told yet; beyond it the writer waits.
pub const BATCHES_UNTOLD_MAX: usize = 16;
/// Time an actor may be idle before it retires.
pub const ACTOR_IDLE: Duration = Duration::from_secs(10);

/// Commands about one order that wait while a movement of it is under way.
pub const DEFERRED_MAX: usize = 64;
/// Between two looks at what expires or may retire.
pub const TIMER_PERIOD: Duration = Duration::from_secs(1);
/// A wall clock that departs from running time by more than this has jumped.
pub const CLOCK_JUMP_MAX: Duration = Duration::from_secs(5 * 60);
/// A start so long after the last entry, or before it, is one with another clock: nothing that is
/// used stands still for longer.
pub const CLOCK_PAUSE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Looks without a jump before expiry goes on: a minute.
pub const CLOCK_CALM_TICKS: u32 = 60;
/// Between two looks at which months are due.
pub const RENT_LOOK: Duration = Duration::from_secs(5);
/// Bills that one such look makes, one after the other, so that the first of a month stays calm.
pub const RENT_BILLS_PER_LOOK: usize = 500;
/// Days in which a month's rent is to be paid.
pub const RENT_DUE_DAYS: i64 = 10;

// Connectors: requests that go out.

/// Until a bank or bank service has accepted a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Until the TLS handshake with it is done.
pub const CLIENT_TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// From a request handed over to the end of its answer's head. Longer than a bank service takes
/// at its longest (see `BANK_ANSWER_SECONDS`): what comes after it is lost, and has to be asked
/// about.
pub const ANSWER_HEAD_TIMEOUT: Duration = Duration::from_secs(40);
/// From a request handed over to the end of its answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);
/// Largest answer that is read.
pub const ANSWER_BODY_MAX: usize = 256 * 1024;
/// Connections to one host that are kept for the next request.
pub const POOL_IDLE_MAX: usize = BANK_IN_FLIGHT_MAX;
/// How long such a connection is kept: well below what servers allow, so that few of them close
/// just when they are wanted.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a kept connection may take to be ready.
pub const POOL_READY_TIMEOUT: Duration = Duration::from_millis(50);
/// Longest URL that is given to us.
pub const URL_MAX: usize = 2 * 1024;
/// Requests in flight to one bank.
pub const BANK_IN_FLIGHT_MAX: usize = 64;
/// Requests that wait for a place among those.
pub const BANK_WAITING_MAX: usize = 4_096;
/// How long they wait: a bank that is merely busy should not cost anybody another bank's fee.
pub const BANK_WAIT: Duration = Duration::from_secs(10);
/// Failures in a row that open a bank's breaker.
pub const BREAKER_FAILURES: u32 = 5;
/// How long an open breaker lets nothing through, in seconds.
pub const BREAKER_OPEN_SECONDS: i64 = 15;
/// Requests that a breaker lets through to see how a bank is, and how many must go well.
pub const BREAKER_PROBES: u32 = 3;
/// Longest code and message of a reason, in characters.
pub const REASON_CODE_MAX: usize = 32;
/// See [`REASON_CODE_MAX`].
pub const REASON_MESSAGE_MAX: usize = 200;

// Charges.

/// Questions to the provider about charges under way at once: half of its places, so that what is
/// asked after a restart leaves room for what is made.
pub const CHARGE_QUESTIONS_MAX: usize = BANK_IN_FLIGHT_MAX / 2;
/// Charges that are being made at once: as many as the provider's client lets wait.
pub const CHARGE_MAKES_MAX: usize = BANK_IN_FLIGHT_MAX + BANK_WAITING_MAX;
/// Sums in suspense that are looked at at once.
pub const LATE_SETTLED_MAX: usize = 64;
/// Questions a second that nothing but time is the reason of: an hour for 72,000 charges.
pub const CHARGE_SWEEPS_PER_SECOND: u32 = 20;
/// How long after its end a charge is asked about: the provider's clock is not ours.
pub const CHARGE_EXPIRY_LOOK: Duration = Duration::from_secs(5);
/// The longest time without a look at what is due.
pub const CHARGE_LOOK_MAX: Duration = Duration::from_secs(3600);
/// Between two looks at a provider that cannot be asked at present.
pub const CHARGE_RETRY_LOOK: Duration = Duration::from_secs(1);
/// How long a cancellation waits for the making of what it cancels.
pub const CHARGE_MADE_WAIT: Duration = Duration::from_secs(45);
/// Longest text of how to pay, in bytes of JSON.
pub const CHARGE_INSTRUCTIONS_MAX: usize = 4 * 1024;
/// How long what is paid from a wallet can be paid, in seconds, where nothing is said.
pub const WALLET_CHARGE_SECONDS: i64 = 24 * 3600;
/// Top-ups that one account may await through the provider.
pub const TOP_UP_CHARGES_MAX: usize = 20;
/// Bills that one issuer may have made and that are still to be paid: each is kept in memory. Rents
/// beyond it are made all the same, as there are no more than tenants and months.
pub const BILLS_OPEN_MAX: usize = 10_000;
/// Open charges of one bill.
pub const BILL_CHARGES_MAX: usize = 5;
/// Attempts at one order of a merchant.
pub const ORDER_ATTEMPTS_MAX: usize = 50;
/// Orders of one account that are open, pages among them: each is kept in memory. What a payer picks
/// on a page takes the page's place, and is begun beyond it too.
pub const ORDERS_OPEN_MAX: usize = 100_000;
/// Payers who pick a way on a page at once: each waits for the provider.
pub const PICKS_MAX: usize = 1_024;
/// How long money in suspense may wait to be resolved, in seconds: two weeks.
pub const LATE_SECONDS: i64 = 14 * 24 * 3600;
/// Lines of a list of money in suspense: what is older than the rest comes first.
pub const LATE_LIST_MAX: usize = 1_000;
/// How far back a start looks for notifications that nobody may have asked about, in seconds.
pub const NOTIFIED_REACH_SECONDS: i64 = 24 * 3600;

// Webhooks.

/// Shortest and longest secret of a webhook, in bytes (Standard Webhooks).
pub const WEBHOOK_SECRET_MIN: usize = 24;
/// See [`WEBHOOK_SECRET_MIN`].
pub const WEBHOOK_SECRET_MAX: usize = 64;
/// Largest body of a webhook (Standard Webhooks).
pub const WEBHOOK_BODY_MAX: usize = 20 * 1024;
/// By how much a webhook's time may differ from ours, in seconds.
pub const WEBHOOK_TOLERANCE_SECONDS: i64 = 5 * 60;
/// Longest id of a webhook's message.
pub const WEBHOOK_ID_MAX: usize = 64;
/// Signatures of one message that are looked at: a sender that rotates gives two.
pub const WEBHOOK_SIGNATURES_MAX: usize = 8;

/// How long messages carry the signature of the former secret too, in seconds.
pub const WEBHOOK_OVERLAP_SECONDS: i64 = 24 * 3600;
/// Webhooks of one user.
pub const ENDPOINTS_PER_USER_MAX: usize = 8;
/// Webhooks of all users: a change of one copies the table's keys.
pub const ENDPOINTS_MAX: usize = 65_536;
/// Longest description of a webhook, in bytes.
pub const WEBHOOK_DESCRIPTION_MAX: usize = 100;
/// Messages that wait for one webhook: its share of memory, about 100 bytes each, while it is dead.
pub const DELIVERIES_PENDING_MAX: u32 = 10_000;
/// Messages under way at once to one webhook that answers well.
pub const DELIVERIES_PER_ENDPOINT_MAX: usize = 8;
/// Messages under way at once to all webhooks that answered well the last time.
pub const DELIVERIES_MAX: usize = 96;
/// The same for webhooks that were told nothing since the start, one each.
pub const DELIVERIES_NEW_MAX: usize = 32;
/// The same for webhooks that did not, one each: they wait for each other, and nobody for them.
pub const DELIVERIES_FAILING_MAX: usize = 32;
/// Tests of webhooks and messages told by hand that are under way at once.
pub const WEBHOOKS_ASKED_MAX: usize = 16;
/// Tries of one message that are shown and looked up: the schedule's, and some by hand.
pub const DELIVERY_TRIES_MAX: u16 = 64;

// The journal.

/// Largest value given to sled; larger ones become blob files that it never syncs.
pub const CHUNK_BYTES_MAX: usize = 6 * 1024;
/// A stretch of the tail this large (encoded) is sealed into a segment.
pub const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// The least an operator may say instead; so small only to try what happens at a seal.
pub const SEGMENT_BYTES_MIN: usize = 4 * 1024;
/// The most: the log is as large, twice, in memory and on disk.
pub const SEGMENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long a process that cannot go on waits for its last line to be written.
pub const LAST_WORD: Duration = Duration::from_millis(200);
/// How often a start looks at a data directory that another process still holds: for a second.
pub const LOCK_TRIES_MAX: u32 = 100;
/// Between two looks at it.
pub const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Segments of history that may wait to be sealed before the writer is held back.
pub const TAIL_SEGMENTS_CALM: usize = 4;
/// By how much a batch is held back for each such stretch.
pub const TAIL_PAUSE: Duration = Duration::from_millis(1);
/// The longest a batch is held back.
pub const TAIL_PAUSE_MAX: Duration = Duration::from_millis(20);
/// Encoded batches per compressed block of a segment, in bytes before compression.
pub const BLOCK_BYTES: usize = 128 * 1024;
/// Entries between two checkpoints, at least.
pub const CHECKPOINT_ENTRIES: u64 = 500_000;
/// The least an operator may say instead; so few only to try what happens at a checkpoint.
pub const CHECKPOINT_ENTRIES_MIN: u64 = 10;
/// The most: a start replays what came after the last checkpoint.
pub const CHECKPOINT_ENTRIES_MAX: u64 = 50_000_000;
/// Largest block of a segment once decompressed: a block holds whole batches, and one of them may
/// exceed [`BLOCK_BYTES`] by far.
pub const BLOCK_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Decoded blocks of sealed history kept for the next reader: 32 MiB, two segments. With fewer, many
/// readers of short histories push out each other's blocks.
pub const BLOCK_CACHE: usize = 256;
/// sled's own cache, in bytes; the tail is in memory anyway.
pub const SLED_CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Keys that one trim removes from sled at least, if there are so many: the writer waits for it.
pub const TRIM_KEYS: usize = 32;
/// Rows of a checkpoint that are encoded and compressed together.
pub const CHECKPOINT_ROWS: usize = 4_096;
/// Sections of a checkpoint that a thread may have decoded before they are taken.
pub const CHECKPOINT_SECTIONS_AHEAD: usize = 2;
/// Until the sealer tries again what the disk refused.
pub const SEAL_RETRY: Duration = Duration::from_secs(5);
/// Days with a change, of all accounts together, whose sums are kept for the next report: some 100
/// bytes each.
pub const FLOW_DAYS_KEPT: usize = 500_000;
/// Changes one cash-flow report may read.
pub const REPORT_SCAN_MAX: usize = 500_000;
/// Longest reach back into a day that a restart cut in two, for what administrators moved on it.
pub const ALONE_SCAN_MAX: usize = 20_000;
/// Longest reach of one history request, in records looked at.
pub const HISTORY_SCAN_MAX: usize = 10_000;

// The bank service.

/// How long a bank may take to answer, in seconds; an operator may choose another time up to
/// [`BANK_ANSWER_SECONDS_MAX`], with which an answer still arrives before the gateway gives up.
pub const BANK_ANSWER_SECONDS: u64 = 15;
/// See [`BANK_ANSWER_SECONDS`].
pub const BANK_ANSWER_SECONDS_MAX: u64 = 18;
/// How long a request may wait for an access token of its bank.
pub const BANK_TOKEN_WAIT: Duration = Duration::from_secs(10);
/// An access token is renewed so long before its end, in seconds; at most in the last tenth of it.
pub const BANK_TOKEN_MARGIN_SECONDS: i64 = 60;
/// Longest life of an access token that is believed, in seconds.
pub const BANK_TOKEN_SECONDS_MAX: i64 = 24 * 3600;
/// Largest request of the gateway to a bank service.
pub const BANK_REQUEST_MAX: usize = 8 * 1024;
/// Largest file of a secret or a key.
pub const SECRET_FILE_MAX: u64 = 64 * 1024;

// Banks.

/// Longest signature of a bank or partner looked at, in characters of base64: RSA of 8192 bits.
pub const SNAP_SIGNATURE_MAX: usize = 1_368;
/// Most of a bank's words that are kept, in characters.
pub const BANK_MESSAGE_MAX: usize = 200;
/// Longest reference of a try at a bank.
pub const BANK_REFERENCE_MAX: usize = 32;
/// Longest account number at a bank (SNAP, 34 as in an IBAN).
pub const BANK_ACCOUNT_MAX: usize = 34;
/// Characters of an application's own number of a transfer.
pub const TRANSACTION_ID_MAX: usize = 64;
/// Bytes of an address in the tables of partners and routes.
pub const ADDRESS_MAX: usize = 255;
/// Characters of a remark for the beneficiary's statement.
pub const REMARK_MAX: usize = 140;

// The provider.

/// Shortest and longest server key of Midtrans, in characters.
pub const MIDTRANS_KEY_MIN: usize = 16;
/// See [`MIDTRANS_KEY_MIN`].
pub const MIDTRANS_KEY_MAX: usize = 255;
/// Longest order id (Midtrans), in characters.
pub const MIDTRANS_ORDER_MAX: usize = 50;
/// Longest id that Midtrans gives a transaction, in characters; theirs are UUIDs.
pub const MIDTRANS_TRANSACTION_MAX: usize = 64;
/// Longest custom field, refund key and reason (Midtrans), in characters.
pub const MIDTRANS_TEXT_MAX: usize = 255;
/// Longest name of an item of an order (Midtrans), in characters.
pub const MIDTRANS_ITEM_NAME_MAX: usize = 50;
/// Items of an order: more than a receipt has.
pub const MIDTRANS_ITEMS_MAX: usize = 500;
/// Most lines about what is wrong with one request.
pub const MIDTRANS_MESSAGES_MAX: usize = 16;
/// URLs that one charge may name for its notifications (Midtrans; its pages differ, 2 or 3).
pub const MIDTRANS_PLACES_MAX: usize = 3;
/// Merchants of the gateway: each is a row in memory.
pub const MERCHANTS_MAX: usize = 10_000;
/// Ways to pay that one merchant may offer: more than there are.
pub const MERCHANT_METHODS_MAX: usize = 32;
/// Longest text of what a merchant gave with an order and wants to see again, in bytes of JSON.
pub const ORDER_DETAILS_MAX: usize = 4 * 1024;
/// How long the answer to a merchant's charge waits for the provider's.
pub const ORDER_MADE_WAIT: Duration = Duration::from_secs(20);
/// Refunds about which the provider is spoken to at once.
pub const REFUNDS_AT_ONCE: usize = 8;
/// How long the answer to a merchant's refund waits for the provider's.
pub const REFUND_WAIT: Duration = Duration::from_secs(20);
/// Refunds of one order that are made; what was refused does not count.
pub const ORDER_REFUNDS_MAX: usize = 100;
/// Longest `Idempotency-Key` of a merchant that is looked at (Midtrans), in characters.
pub const MIDTRANS_IDEMPOTENCY_KEY_MAX: usize = 46;
/// Calls of merchants under way at once: each goes on when its client leaves, and waits for a
/// provider at the longest.
pub const MIDTRANS_CALLS_MAX: usize = 4_096;
/// Of them, those of one merchant, so that none keeps the others out.
pub const MIDTRANS_CALLS_OF_ONE_MAX: usize = MIDTRANS_CALLS_MAX / 4;
/// How long the answer to a merchant's `Idempotency-Key` is kept (Midtrans), in seconds.
pub const MIDTRANS_REPLAY_SECONDS: i64 = 5 * 60;
/// Answers kept so at once; beyond it the oldest are forgotten early.
pub const MIDTRANS_REPLAYS_MAX: usize = 65_536;
/// How long a payment page is open unless the merchant says otherwise (Midtrans), in seconds.
pub const MIDTRANS_PAGE_SECONDS: i64 = 24 * 3600;
/// The least a merchant may say.
pub const MIDTRANS_PAGE_SECONDS_MIN: i64 = 5 * 60;
/// The most.
pub const MIDTRANS_PAGE_SECONDS_MAX: i64 = 7 * 24 * 3600;
/// Notifications of a simulated provider under way or waiting for their next try.
pub const SIMULATED_NOTIFICATIONS_MAX: usize = 65_536;

/// Longest payload of a QR code, in characters (EMVCo).
pub const QRIS_MAX: usize = 512;

/// From when on a bank that has never seen a transfer never will. A request that is still on its way
/// after so long would have outlived every timeout between us and the bank's books.
pub const NOT_FOUND_IS_FINAL: Duration = Duration::from_secs(15 * 60);
/// Questions about open payouts under way at once at one bank: half of its places, so that what is
/// asked after a restart leaves room for what is sent.
pub const PAYOUT_QUESTIONS_MAX: usize = BANK_IN_FLIGHT_MAX / 2;
/// Most tries of one payout; each is an entry.
pub const TRIES_MAX: u8 = 32;
/// How long a challenged payout waits for a person.
pub const CHALLENGE_SECONDS: i64 = 24 * 3600;
/// Between two looks at a challenged payout.
pub const CHALLENGE_LOOK: Duration = Duration::from_secs(60);
/// Before a step of a payout that found no room is asked for again, at first.
pub const INSIST_PAUSE: Duration = Duration::from_millis(20);
/// The same, at last.
pub const INSIST_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Longest reason or code of a payout's step, in bytes.
pub const REASON_BYTES_MAX: usize = 255;
/// Names of beneficiaries that are kept after an inquiry.
pub const BENEFICIARIES_KEPT: usize = 100_000;
/// How long they are kept.
pub const BENEFICIARY_SECONDS: i64 = 15 * 60;
/// When it makes sense to ask again if no bank can be reached.
pub const BANK_RETRY_AFTER_SECONDS: u32 = 10;
/// Until a callback has answered (Standard Webhooks: 15 to 30 s).
pub const CALLBACK_TIMEOUT: Duration = Duration::from_secs(15);
/// Callbacks of one client under way at once.
pub const CALLBACKS_MAX: usize = 8;
/// How far the time in a partner's request may be from ours, in seconds.
pub const SNAP_TIMESTAMP_WINDOW_SECONDS: u64 = 5 * 60;
/// Life of a token that we give a partner, in seconds (SNAP).
pub const SNAP_TOKEN_SECONDS: i64 = 900;
/// Most that a simulated bank moves to another in one transfer, in rupiah (BI-FAST).
pub const SIMULATED_INTERBANK_MAX: u64 = 250_000_000;
/// Longest period of a simulated bank's statement, in seconds.
pub const SIMULATED_STATEMENT_SECONDS_MAX: i64 = 31 * 24 * 3600;
