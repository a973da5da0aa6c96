// SPDX-License-Identifier: GPL-2.0-only
// For test_context_tokio.py: the calls of a request, made in the ways of tokio. SHAPE says in which, FLAVOR on which
// kind of runtime.
use std::collections::HashMap;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, Semaphore};

static SEED: AtomicU64 = AtomicU64::new(1);

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn redis_address() -> String {
    format!("127.0.0.1:{}", setting("REDIS_PORT"))
}

fn command(key: &str) -> String {
    format!("*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n", key.len(), key)
}

async fn pause() {
    let number = SEED.fetch_add(0x9e3779b97f4a7c15, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_micros((number >> 33) % 4000)).await;
}

/* ---- what a request calls -------------------------------------------------------------------- */

struct Pool {
    free: Semaphore,
    connections: Mutex<Vec<TcpStream>>,
    blocking: Mutex<Vec<std::net::TcpStream>>,
}

static POOL: OnceLock<Pool> = OnceLock::new();

fn pool() -> &'static Pool {
    POOL.get_or_init(|| Pool {
        free: Semaphore::new(setting("POOL").parse().unwrap_or(64)),
        connections: Mutex::new(Vec::new()),
        blocking: Mutex::new(Vec::new()),
    })
}

async fn ask(connection: &mut TcpStream, key: &str) {
    let mut answer = [0; 64];
    connection.write_all(command(key).as_bytes()).await.unwrap();
    assert!(connection.read(&mut answer).await.unwrap() > 0);
}

async fn get(key: String) {
    let _permit = pool().free.acquire().await.unwrap();
    let kept = pool().connections.lock().unwrap().pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => TcpStream::connect(redis_address()).await.unwrap(),
    };
    ask(&mut connection, &key).await;
    pool().connections.lock().unwrap().push(connection);
}

fn get_blocking(key: String) {
    let kept = pool().blocking.lock().unwrap().pop();
    let mut connection = kept.unwrap_or_else(|| std::net::TcpStream::connect(redis_address()).unwrap());
    let mut answer = [0; 64];
    connection.write_all(command(&key).as_bytes()).unwrap();
    assert!(connection.read(&mut answer).unwrap() > 0);
    pool().blocking.lock().unwrap().push(connection);
}

/* ---- workers ---------------------------------------------------------------------------------- */

type Job = (String, oneshot::Sender<()>);

async fn worker(jobs: Arc<tokio::sync::Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let job = jobs.lock().await.recv().await;
        match job {
            Some((key, done)) => {
                get(key).await;
                let _ = done.send(());
            }
            None => return,
        }
    }
}

fn start_workers() -> mpsc::Sender<Job> {
    let (sender, receiver) = mpsc::channel(64);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    for _ in 0..4 {
        tokio::spawn(worker(receiver.clone()));
    }
    sender
}

async fn hand_over(queue: &mpsc::Sender<Job>, key: String) {
    let (done, over) = oneshot::channel();
    let _ = queue.send((key, done)).await;
    let _ = over.await;
}

/* One connection for all, as redis-rs has it: a task writes what it finds in a queue, and answers in turn. */
async fn multiplex(mut queue: mpsc::Receiver<Job>) {
    let (mut read, mut write) = TcpStream::connect(redis_address()).await.unwrap().into_split();
    let (waiting, mut waiters) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
    let reader = async move {
        let mut answers = [0; 4096];
        while let Ok(len) = read.read(&mut answers).await {
            for _ in answers[..len].iter().filter(|&&c| c == b'$') {
                let _ = waiters.recv().await.unwrap().send(());
            }
        }
    };
    let writer = async move {
        while let Some((key, done)) = queue.recv().await {
            waiting.send(done).unwrap();
            write.write_all(command(&key).as_bytes()).await.unwrap();
        }
    };
    tokio::join!(reader, writer);
}

fn start_multiplex() -> mpsc::Sender<Job> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(multiplex(receiver));
    sender
}

static WORKERS: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
static MULTIPLEX: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
static IDLE: Mutex<Vec<mpsc::Sender<Job>>> = Mutex::new(Vec::new());

/* As pools do that grow on demand: an idle worker, else a new one. */
async fn on_demand(key: String) {
    let idle = IDLE.lock().unwrap().pop();
    let queue = idle.unwrap_or_else(|| {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(worker(Arc::new(tokio::sync::Mutex::new(receiver))));
        sender
    });
    hand_over(&queue, key).await;
    IDLE.lock().unwrap().push(queue);
}

/* A pool whose connections have a task each, as tokio-postgres and hyper have; made when they are wanted. */
async fn connected(key: String) {
    let idle = IDLE.lock().unwrap().pop();
    let queue = idle.unwrap_or_else(start_multiplex);
    hand_over(&queue, key).await;
    IDLE.lock().unwrap().push(queue);
}

/* The same with tasks that end after two calls: who sees only the first ones takes them for a request's own. */
async fn short_lived(key: String) {
    let idle = IDLE.lock().unwrap().pop();
    let queue = idle.unwrap_or_else(|| {
        let (sender, mut receiver) = mpsc::channel::<Job>(1);
        tokio::spawn(async move {
            for _ in 0..2 {
                if let Some((key, done)) = receiver.recv().await {
                    get(key).await;
                    let _ = done.send(());
                }
            }
        });
        sender
    });
    hand_over(&queue, key).await;
    if !queue.is_closed() {
        IDLE.lock().unwrap().push(queue);
    }
}

/* For nobody, now and then. */
async fn tick() {
    loop {
        tokio::time::sleep(Duration::from_millis(3)).await;
        get("L10000:1".to_string()).await;
    }
}

static TICKING: OnceLock<()> = OnceLock::new();

/* ---- requests --------------------------------------------------------------------------------- */

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn spawn_all(work: Vec<Work>) {
    let started: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    for one in started {
        one.await.unwrap();
    }
}

async fn fan(keys: &[String]) {
    spawn_all(keys.iter().map(|key| Box::pin(get(key.clone())) as Work).collect()).await;
}

async fn several(shape: &str, number: &str, keys: &[String]) {
    match shape {
        "join" => {
            tokio::join!(get(keys[0].clone()), get(keys[1].clone()), get(keys[2].clone()));
        }
        "select" => {
            for key in keys {
                tokio::select! {
                    _ = get(key.clone()) => (),
                    _ = tokio::time::sleep(Duration::from_secs(60)) => (),
                }
                pause().await;
            }
        }
        "fan" => {
            get(keys[0].clone()).await;
            pause().await;
            fan(&keys[1..]).await;
        }
        "nested" => {
            get(keys[0].clone()).await;
            let rest = keys[1..].to_vec();
            tokio::spawn(async move { tokio::spawn(async move { fan(&rest).await }).await.unwrap() }).await.unwrap();
        }
        "set" => {
            let mut set = tokio::task::JoinSet::new();
            for key in keys {
                set.spawn(get(key.clone()));
            }
            while set.join_next().await.is_some() {}
        }
        "abort" => {
            for key in keys {
                let slow = tokio::spawn(get(key.clone()));
                let one = tokio::spawn(get(key.clone()));
                pause().await;
                slow.abort();
                let _ = one.await;
            }
        }
        "detached" => {
            get(keys[0].clone()).await;
            let late = format!("L{number}:2");
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                get(late).await;
            });
        }
        _ => one_by_one(shape, keys).await,
    }
}

async fn one_by_one(shape: &str, keys: &[String]) {
    for key in keys.iter().cloned() {
        match shape {
            "blocking" => tokio::task::spawn_blocking(move || get_blocking(key)).await.unwrap(),
            "inplace" => tokio::task::block_in_place(|| get_blocking(key)),
            "worker" => hand_over(WORKERS.get().unwrap(), key).await,
            "lazy" => hand_over(WORKERS.get_or_init(start_workers), key).await,
            "multiplex" => hand_over(MULTIPLEX.get_or_init(start_multiplex), key).await,
            "demand" => on_demand(key).await,
            "connected" => connected(key).await,
            "short" => short_lived(key).await,
            "lazytick" => {
                TICKING.get_or_init(|| drop(tokio::spawn(tick())));
                get(key).await
            }
            "big" => big(key).await,
            _ => get(key).await,
        }
        pause().await;
    }
}

/* Futures of some size are boxed before they are spawned. */
async fn big(key: String) {
    let ballast = [1u8; 40000];
    tokio::spawn(async move {
        get(key).await;
        assert_eq!(ballast.iter().map(|&one| one as u32).sum::<u32>(), 40000);
    })
    .await
    .unwrap();
}

async fn serve(mut client: TcpStream) {
    let shape = setting("SHAPE");
    let mut request = [0; 4096];
    while let Ok(len @ 1..) = client.read(&mut request).await {
        let text = String::from_utf8_lossy(&request[..len]).to_string();
        let number = text.split(' ').nth(1).unwrap().trim_start_matches("/Q").to_string();
        let keys: Vec<_> = (1..4).map(|i| format!("K{number}:{i}")).collect();
        several(&shape, &number, &keys).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\nR{number}", number.len() + 1);
        client.write_all(answer.as_bytes()).await.unwrap();
    }
}

async fn listen() {
    let listener = TcpListener::bind(format!("127.0.0.1:{}", setting("PORT"))).await.unwrap();
    if setting("SHAPE") == "worker" {
        let _ = WORKERS.set(start_workers());
    }
    if setting("SHAPE") == "tick" {
        tokio::spawn(tick());
    }
    loop {
        let (client, _) = listener.accept().await.unwrap();
        if setting("FLAVOR") == "local" {
            tokio::task::spawn_local(serve(client));
        } else {
            tokio::spawn(serve(client));
        }
    }
}

/* All requests in one future: no task tells them apart. */
async fn listen_alone() {
    let listener = TcpListener::bind(format!("127.0.0.1:{}", setting("PORT"))).await.unwrap();
    let mut serving: HashMap<u64, Pin<Box<dyn Future<Output = ()>>>> = HashMap::new();
    let mut count = 0;
    loop {
        let accepted = std::future::poll_fn(|context| {
            serving.retain(|_, one| one.as_mut().poll(context).is_pending());
            listener.poll_accept(context)
        });
        let (client, _) = accepted.await.unwrap();
        serving.insert(count, Box::pin(serve(client)));
        count += 1;
    }
}

fn main() {
    let flavor = setting("FLAVOR");
    let mut builder = match flavor.as_str() {
        "" | "multi" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().worker_threads(4).build().unwrap();
    match flavor.as_str() {
        "local" => tokio::task::LocalSet::new().block_on(&runtime, listen()),
        "alone" => runtime.block_on(listen_alone()),
        _ => runtime.block_on(listen()),
    }
}
