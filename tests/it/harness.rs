//! The stacks of this binary's tests, and the ways to use them. Most tests share one; those that kill parts of it take turns
//! at another, beside them: they mostly wait, and on a stack with few accounts for less.

use std::{
    ops::Deref,
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use sandbox::stack::{Stack, StackOptions};
use sqlx::Connection as _;
use tokio::sync::{Mutex, MutexGuard, OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit};

/// The payload key of this stack: the histories that it records must open in `workflows/tests/replay.rs`.
pub const PAYLOAD_KEYS: &str = "test:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The key of the sealed columns of this stack.
pub const SEAL_KEYS: &str = "test:X0pBlVacaGZmnfxIgfk1mLemJqq1DI2k6p7WdZVL2Ps=";

/// The key of links to attachments in this stack.
pub const MEDIA_LINK_KEY: &str = "the link key of the tests' own stack";

static SHARED: OnceCell<Stack> = OnceCell::const_new();
static EXCLUSIVE: OnceCell<Stack> = OnceCell::const_new();
/// Written by who wants the machine alone.
static QUIET: RwLock<()> = RwLock::const_new(());
/// For tests that use the shared stack at once. There are more threads than that, because those that wait for a turn hold
/// one.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(2 * cores)
});
static TURN: Mutex<()> = Mutex::const_new(());

/// The stack runs on a runtime of its own: a test's runtime ends with the test, and with it the threads that started
/// the processes, which would take the processes along.
fn runtime() -> &'static tokio::runtime::Handle {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
        })
        .handle()
}

async fn stack(cell: &'static OnceCell<Stack>, name: &'static str) -> &'static Stack {
    cell.get_or_init(|| async {
        let started = on_stack_runtime(async {
            let mut options = StackOptions::fresh(name)?;
            // Often enough to be seen, seldom enough for a hundred accounts on one Temporal.
            options.worker_env.push(("HEALTH_CHECK_SECONDS".into(), "10".into()));
            for env in [&mut options.worker_env, &mut options.api_env] {
                env.push(("PAYLOAD_KEYS".into(), PAYLOAD_KEYS.into()));
                env.push(("SEAL_KEYS".into(), SEAL_KEYS.into()));
                env.push(("MEDIA_LINK_KEY".into(), MEDIA_LINK_KEY.into()));
            }
            Stack::start(options).await
        });
        started.await.expect("the stack starts")
    })
    .await
}

/// Runs on the runtime that keeps the stack's processes: whatever starts a part must go through it.
pub async fn on_stack_runtime<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    runtime().spawn(work).await.expect("the work does not panic")
}

/// A running stack, as long as this is held.
pub struct Turn<Guard> {
    stack: &'static Stack,
    _guard: Guard,
}

impl<Guard> Deref for Turn<Guard> {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        self.stack
    }
}

impl<Guard> Turn<Guard> {
    /// The stack for work that goes to [`on_stack_runtime`].
    pub fn stack(&self) -> &'static Stack {
        self.stack
    }
}

/// Opens and seals as the stack's worker and API do.
pub fn sealer() -> store::seal::Sealer {
    store::seal::Sealer::parse(&SEAL_KEYS.into()).expect("the key is good")
}

/// The stack that tests share. Nobody kills parts of it.
pub async fn shared() -> Turn<(SemaphorePermit<'static>, RwLockReadGuard<'static, ()>)> {
    let place = PLACES.acquire().await.expect("it is never closed");
    let guard = (place, QUIET.read().await);
    Turn { stack: stack(&SHARED, "test").await, _guard: guard }
}

/// A stack for this test alone, to kill parts of it; others go on beside it, elsewhere.
pub async fn exclusive() -> Turn<(MutexGuard<'static, ()>, RwLockReadGuard<'static, ()>)> {
    let guard = (TURN.lock().await, QUIET.read().await);
    Turn { stack: stack(&EXCLUSIVE, "test-exclusive").await, _guard: guard }
}

/// The same while no other test runs: to measure.
pub async fn alone() -> Turn<(MutexGuard<'static, ()>, RwLockWriteGuard<'static, ()>)> {
    let guard = (TURN.lock().await, QUIET.write().await);
    Turn { stack: stack(&EXCLUSIVE, "test-exclusive").await, _guard: guard }
}

/// A database of this test's own on the stack's server, with the schema in it.
pub async fn database(stack: &Stack) -> store::PgPool {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    let (url, template) = (stack.urls().database, "test_template");
    TEMPLATE.get_or_init(|| async { migrated(&url, template).await }).await;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    execute(&url, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    store::connect(&beside(&url, &name)).expect("the URL is good")
}

/// A database that others are copies of: nobody is connected to it.
async fn migrated(url: &str, name: &str) {
    execute(url, format!("CREATE DATABASE {name}")).await;
    let pool = store::connect(&beside(url, name)).expect("the URL is good");
    store::migrate(&pool).await.expect("the migrations apply");
    pool.close().await;
}

async fn execute(url: &str, sql: String) {
    let mut server = sqlx::PgConnection::connect(url).await.expect("the stack's database answers");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut server).await.expect("a database can be made");
}

/// The address of another database on the same server.
fn beside(url: &str, name: &str) -> secrecy::SecretString {
    let (base, _) = url.rsplit_once('/').expect("the URL names a database");
    format!("{base}/{name}").into()
}
